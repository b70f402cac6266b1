r"""The one-dimensional wave equation u_tt = c^2 u_xx, x and t in [0, 1], a string held at its ends.

It starts at rest as sin(pi x) + sin(beta pi x) / 2 and swings in these two modes. The second is
what a plain PINN misses (Wang, Yu, Perdikaris: when and why PINNs fail to train, JCP 2022: c = 2,
beta = 4; Rathore et al.: challenges in training PINNs, ICML 2024: c = 2, beta = 5).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import MOST_COEFFICIENT, above, all_or_up_to, at_least, at_most
from pinn_core.engine import taylor
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor

SQUARE = Box((0.0, 0.0), (1.0, 1.0))
"""x from 0 to 1, t from 0 to 1."""

_D = Derivatives("x", "t")


@PROBLEMS.register("wave")
@dataclass(frozen=True, kw_only=True)
class Wave(Problem):
    """Wave equation; ``c`` is the speed, ``beta`` the second mode's number of half waves.

    Where ``beta`` is not whole, the end x = 1 is moved as the solution asks, not held at zero.

    When to use: A solution of two modes of different frequency; it tests the tangent kernel's
    weights and Fourier features.

        >>> grid = Wave(beta=5.0).grid()
        >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
        (9702, 298)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "t")
    reference: ClassVar[Reference] = "closed form"
    time_points: ClassVar[str] = "points_per_axis"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    points_per_axis: int = 100
    """Points of the grid along each axis, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    c: float = 2.0
    """The speed of the wave."""
    beta: float = 4.0
    """Half waves of the second mode on the string."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        above(0, c=self.c, beta=self.beta)
        at_most(MOST_COEFFICIENT, c=self.c, beta=self.beta)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        n = self.points_per_axis
        return (n - 1) * (n - 2), 3 * n - 2

    @property
    def domain(self) -> Box:
        """Place and time from 0 to 1."""
        return SQUARE

    @cached_property
    def conditions(self) -> Conditions:
        """Both ends, each with its own mean; the value and, apart from it, the velocity at t = 0.

        Three loss terms, so that a weighting can set them one by one, as the NTK study does.
        """
        start = (SQUARE.face(1, 0.0),)
        ends = (Segment((SQUARE.face(0, x),), self.exact) for x in (0.0, 1.0))
        return {
            "boundary": Condition(tuple(ends)),
            "initial": Condition((Segment(start, self.exact),)),
            "velocity": Condition((Segment(start),), ((_D.t, 0),)),
        }

    @cached_property
    def hard(self) -> Hard:
        """The start and what cannot change it: u = u(x, 0) + t^2 x (1 - x) N."""
        return Hard(("boundary", "initial", "velocity"), _inside, self._lift)

    def _lift(self, x: Taylor, t: Taylor) -> Taylor:
        """The start; where x = 1 is moved, also that motion, fading towards x = 0."""
        start = taylor.sin(x * np.pi) + taylor.sin(x * (self.beta * np.pi)) * 0.5
        if self.beta == round(self.beta):
            return start
        motion = taylor.cos(t * (self.c * self.beta * np.pi)) - 1.0
        return start + x * motion * (0.5 * float(np.sin(self.beta * np.pi)))

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The equation as one operator."""
        return (_D.tt - self.c**2 * _D.xx,)

    def residual(
        self,
        channels: Float[Tensor, "m c n 1"],
        points: Float[Tensor, "#m n 2"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 1"]:
        """u_tt - c^2 u_xx."""
        return channels[:, 1]

    def exact(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        """Both modes: sin(pi x) cos(c pi t) + sin(beta pi x) cos(c beta pi t) / 2."""
        x, t = np.pi * points[:, :1], self.c * np.pi * points[:, 1:]
        return np.sin(x) * np.cos(t) + 0.5 * np.sin(self.beta * x) * np.cos(self.beta * t)

    def grid(self) -> Grid:
        """Equally spaced points, those at the start and at both ends of x supervised."""
        return _grid(self)


def _inside(x: Taylor, t: Taylor) -> Taylor:
    return t * t * x * (1.0 - x)


@lru_cache(maxsize=4)
def _grid(problem: Wave) -> Grid:
    return lattice(SQUARE, problem.conditions, (problem.points_per_axis,) * 2, problem.exact)
