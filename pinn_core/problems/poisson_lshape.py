r"""Laplace's equation u_xx + u_yy = 0 on an L-shape, with the singularity of its re-entrant corner.

The square (-1, 1)^2 without its upper right quarter; in polar coordinates around the corner (0, 0)

    u = r^(2/3) sin(2 (phi - pi/2) / 3),  pi/2 <= phi <= 2 pi,

which is 0 on both edges of the corner and prescribed on the others. Its slopes grow as r^(-1/3),
which no smooth network follows (the standard example for corner singularities: Grisvard, Elliptic
problems in nonsmooth domains, 1985).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.geometry import Polygon
from pinn_core.problems.clipped import clipped, clipped_size
from pinn_core.problems.conditions import Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor

_D = Derivatives("x", "y")


@PROBLEMS.register("poisson_lshape")
@dataclass(frozen=True, kw_only=True)
class PoissonLShape(Problem):
    """Laplace equation on an L-shape, whose solution is singular at the re-entrant corner.

    ``points_per_axis`` are those of the grid of the square, of which the L-shape has its part.

    When to use: A solution with a singular corner; it tests whether point samplers find the place
    that needs points.

        >>> grid = PoissonLShape().grid()
        >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
        (1121, 160)
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
    def domain(self) -> Polygon:
        """The L-shape, with the edges ``corner`` (those of the re-entrant corner) and ``outer``."""
        return _l_shape()

    @cached_property
    def conditions(self) -> Conditions:
        """One: the values on the whole boundary, under one mean."""
        return {"boundary": Condition((Segment((self.domain.boundary,), self.exact),))}

    @cached_property
    def hard(self) -> Hard | None:
        """None: a form that vanishes on six edges is not smooth at the re-entrant corner."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The Laplacian."""
        return (_D.xx + _D.yy,)

    def residual(
        self,
        channels: Float[Tensor, "m c n 1"],
        points: Float[Tensor, "#m n 2"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 1"]:
        """u_xx + u_yy."""
        return channels[:, 1]

    def exact(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        """The singular solution."""
        x, y = points.T
        turned = np.arctan2(-x, y)  # phi - pi/2, from -pi to pi
        angle = np.where(turned < -np.pi / 4, turned + 2 * np.pi, turned)  # the cut is outside
        found: ndarray = np.hypot(x, y) ** (2 / 3) * np.sin(2 * angle / 3)
        return found[:, None]

    def grid(self) -> Grid:
        """Equally spaced points inside, and along the edges at the same distance."""
        return _grid(self)


@lru_cache(maxsize=1)
def _l_shape() -> Polygon:
    corners = ((0, 0), (1, 0), (1, -1), (-1, -1), (-1, 1), (0, 1))
    return Polygon(corners, ("corner", *("outer",) * 4, "corner"))


@lru_cache(maxsize=4)
def _grid(problem: PoissonLShape) -> Grid:
    counts = (problem.points_per_axis,) * 2
    return clipped(problem.domain, problem.conditions, counts, problem.exact)
