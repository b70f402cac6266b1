r"""The one-dimensional Poisson equation u'' = g on [0, 1] with the solution u = sin(c x).

The larger c, the more the residual's gradient, O(c^4), outweighs that of the two end values, O(1)
(Wang, Teng, Perdikaris: gradient flow pathologies in PINNs, SISC 2021, analysis of the gradients).
With c = 4 pi it is the Poisson problem of their study of the neural tangent kernel (Wang, Yu,
Perdikaris, JCP 2022).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import MOST_COEFFICIENT, above, all_or_up_to, at_least, at_most
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor, torch

LINE = Box((0.0,), (1.0,))
"""The interval from 0 to 1."""

_D = Derivatives("x")


@PROBLEMS.register("poisson")
@dataclass(frozen=True, kw_only=True)
class Poisson(Problem):
    """Poisson equation on a line; ``c`` is the solution's wave number in radians per unit length.

    When to use: The smallest problem with the stiffness of PINNs: one coordinate, one parameter
    that makes it harder. It trains in seconds.

    >>> len(Poisson(c=8.0).grid().interior.coordinates)
    998
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x",)
    reference: ClassVar[Reference] = "closed form"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    points_per_axis: int = 1000
    """Points of the grid, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    c: float = 4.0
    """The solution's wave number, in radians per unit length."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        above(0, c=self.c)
        at_most(MOST_COEFFICIENT, c=self.c)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        return self.points_per_axis - 2, 2

    @property
    def domain(self) -> Box:
        """The interval from 0 to 1."""
        return LINE

    @cached_property
    def conditions(self) -> Conditions:
        """One: the values at both ends, under one mean."""
        ends = (LINE.face(0, 0.0), LINE.face(0, 1.0))
        return {"boundary": Condition((Segment(ends, self.exact),))}

    @cached_property
    def hard(self) -> Hard:
        """The straight line between the end values: u = x sin(c) + x (1 - x) N."""
        return Hard(("boundary",), _inside, self._lift)

    def _lift(self, x: Taylor) -> Taylor:
        return x * float(np.sin(self.c))

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The second derivative."""
        return (_D.xx,)

    def residual(
        self, channels: Float[Tensor, "m c n 1"], points: Float[Tensor, "#m n 1"]
    ) -> Float[Tensor, "m n 1"]:
        """The equation's u'' - g, with g = -c^2 sin(c x)."""
        return channels[:, 1] + self.c**2 * torch.sin(self.c * points)

    def exact(self, points: Float[ndarray, "n 1"]) -> Float[ndarray, "n 1"]:
        """The wave sin(c x)."""
        return np.sin(self.c * points)

    def grid(self) -> Grid:
        """Equally spaced points with both ends, which are the supervised ones."""
        return _grid(self)


def _inside(x: Taylor) -> Taylor:
    return x * (1.0 - x)


@lru_cache(maxsize=4)
def _grid(problem: Poisson) -> Grid:
    return lattice(LINE, problem.conditions, (problem.points_per_axis,), problem.exact)
