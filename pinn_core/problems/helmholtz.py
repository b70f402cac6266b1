r"""The Helmholtz equation u_xx + u_yy + k^2 u = q on (-1, 1)^2, zero on the boundary.

The source q is that of the solution u = sin(a1 pi x) sin(a2 pi y) (Wang, Teng, Perdikaris: gradient
flow pathologies in PINNs, SISC 2021, Helmholtz benchmark: a1 = 1, a2 = 4, k = 1).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import MOST_COEFFICIENT, all_or_up_to, at_least, within
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor, torch

SQUARE = Box((-1.0, -1.0), (1.0, 1.0))
"""The square around the origin."""

_D = Derivatives("x", "y")


@PROBLEMS.register("helmholtz")
@dataclass(frozen=True, kw_only=True)
class Helmholtz(Problem):
    """Helmholtz equation with a standing wave as its solution.

    ``a1`` and ``a2`` are half waves per unit length along x and y: whole, so that the wave is zero
    on the boundary. ``k`` is the wave number of the equation.

    When to use: The standard test of loss weights: the gradients of equation and boundary differ by
    orders of magnitude.

        >>> grid = Helmholtz().grid()
        >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
        (9604, 396)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y")
    reference: ClassVar[Reference] = "closed form"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    points_per_axis: int = 100
    """Points of the grid along each axis, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    a1: int = 1
    """Half waves of the solution per unit length along x."""
    a2: int = 4
    """Half waves of the solution per unit length along y."""
    k: float = 1.0
    """The wave number in the equation."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        at_least(1, a1=self.a1, a2=self.a2)
        within(0, MOST_COEFFICIENT, k=self.k)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        n = self.points_per_axis
        return (n - 2) ** 2, 4 * (n - 1)

    @property
    def domain(self) -> Box:
        """The square around the origin."""
        return SQUARE

    @cached_property
    def conditions(self) -> Conditions:
        """One: zero on the four sides, each with a mean of its own."""
        sides = [SQUARE.face(axis, value) for axis in (0, 1) for value in (-1.0, 1.0)]
        return {"boundary": Condition(tuple(Segment((side,)) for side in sides))}

    @cached_property
    def hard(self) -> Hard:
        """A factor that is zero on the sides: u = (1 - x^2) (1 - y^2) N."""
        return Hard(("boundary",), _inside)

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The equation as one operator."""
        return (_D.xx + _D.yy + self.k**2 * _D.identity,)

    def residual(
        self, channels: Float[Tensor, "m c n 1"], points: Float[Tensor, "#m n 2"]
    ) -> Float[Tensor, "m n 1"]:
        """u_xx + u_yy + k^2 u - q with q = (k^2 - (a1 pi)^2 - (a2 pi)^2) u."""
        x, y = points.split(1, dim=-1)
        scale = self.k**2 - (self.a1 * np.pi) ** 2 - (self.a2 * np.pi) ** 2
        wave = torch.sin(self.a1 * np.pi * x) * torch.sin(self.a2 * np.pi * y)
        return channels[:, 1] - scale * wave

    def exact(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        """The wave sin(a1 pi x) sin(a2 pi y)."""
        along_x, along_y = np.sin(np.pi * np.array([self.a1, self.a2]) * points).T
        wave: ndarray = (along_x * along_y)[:, None]
        return wave

    def grid(self) -> Grid:
        """Equally spaced points, those on the four sides supervised."""
        return _grid(self)


def _inside(x: Taylor, y: Taylor) -> Taylor:
    return (1.0 - x * x) * (1.0 - y * y)


@lru_cache(maxsize=4)
def _grid(problem: Helmholtz) -> Grid:
    return lattice(SQUARE, problem.conditions, (problem.points_per_axis,) * 2, problem.exact)
