r"""Poisson's equation u_xx + u_yy = -1 on the unit disc, 0 on the circle: u = (1 - r^2) / 4.

Saint-Venant's torsion of a round bar, and the flow through a round pipe (Hagen, Poiseuille).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.geometry import Disc
from pinn_core.problems.clipped import clipped, clipped_size
from pinn_core.problems.conditions import Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor

_D = Derivatives("x", "y")


@PROBLEMS.register("poisson_disc")
@dataclass(frozen=True, kw_only=True)
class PoissonDisc(Problem):
    """Poisson equation on the unit disc with a constant source.

    ``points_per_axis`` are those of the grid of the square around the disc.

    When to use: The simplest curved boundary; its solution is a polynomial, so that errors come
    from the training alone.

        >>> grid = PoissonDisc().grid()
        >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
        (1245, 126)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y")
    reference: ClassVar[Reference] = "closed form"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    points_per_axis: int = 41
    """Points along each axis of the grid around the domain; those inside are kept."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        return clipped_size(self.domain, self.conditions, (self.points_per_axis,) * 2)

    @property
    def domain(self) -> Disc:
        """The unit disc."""
        return _disc()

    @cached_property
    def conditions(self) -> Conditions:
        """One: zero on the circle."""
        return {"boundary": Condition((Segment((self.domain.boundary,)),))}

    @cached_property
    def hard(self) -> Hard:
        """Zero on the circle: u = (1 - r^2) N."""
        return Hard(("boundary",), _inside)

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The Laplacian."""
        return (_D.xx + _D.yy,)

    def residual(
        self,
        channels: Float[Tensor, "m c n 1"],
        points: Float[Tensor, "#m n 2"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 1"]:
        """u_xx + u_yy + 1."""
        return channels[:, 1] + 1.0

    def exact(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        """The paraboloid (1 - r^2) / 4."""
        return np.asarray(1.0 - points[:, :1] ** 2 - points[:, 1:] ** 2) / 4

    def grid(self) -> Grid:
        """Equally spaced points inside, and along the circle at the same distance."""
        return _grid(self)


def _inside(x: Taylor, y: Taylor) -> Taylor:
    return 1.0 - x * x - y * y


@lru_cache(maxsize=1)
def _disc() -> Disc:
    return Disc()


@lru_cache(maxsize=4)
def _grid(problem: PoissonDisc) -> Grid:
    counts = (problem.points_per_axis,) * 2
    return clipped(problem.domain, problem.conditions, counts, problem.exact)
