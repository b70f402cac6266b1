r"""The Allen-Cahn equation u_t - d u_xx + r u^3 - r u = 0 for x in [-1, 1), t in [0, 1], periodic.

It starts at u = x^2 cos(pi x); d = 1e-4, r = 5 (Wang, Sankaran, Perdikaris: causal training,
section 4.1). Its numerical solution is spectral and agrees with finer ones to 1e-8.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import pi
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least, within
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.taylor import cos
from pinn_core.problems.conditions import IDENTITY, Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem
from pinn_core.solvers import spectral_allen_cahn
from pinn_core.tensors import Tensor

STRIP = Box((-1.0, 0.0), (1.0, 1.0))
"""x from -1 to 1, t from 0 to 1."""

_D = Derivatives("x", "t")


@PROBLEMS.register("allen_cahn", numerics=2)
@dataclass(frozen=True, kw_only=True)
class AllenCahn(Problem):
    """Allen-Cahn equation with the coefficients of ``diffusion`` and reaction (``rate``).

    The grid has no points at x = 1, which is x = -1 again.

    When to use: A stiff problem with sharp interfaces, on which plain PINNs violate causality in
    time; try causal weights on it.

    >>> grid = AllenCahn().grid()
    >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
    (25245, 355)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "t")
    time_points: ClassVar[str] = "points_t"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = False

    points_x: int = 256
    """Points of the grid along x; the far end, which is the near one again, is left out."""
    points_t: int = 100
    """Time levels of the grid, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    diffusion: float = 1e-4
    """The coefficient d of u_xx."""
    rate: float = 5.0
    """The coefficient r of the reaction."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        within(1e-5, 1.0, diffusion=self.diffusion)
        within(0.0, 50.0, rate=self.rate)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        inside = (self.points_x - 1) * (self.points_t - 1)
        return inside, self.points_x * self.points_t - inside

    @property
    def domain(self) -> Box:
        """The interval from -1 to 1, t from 0 to 1."""
        return STRIP

    @cached_property
    def conditions(self) -> Conditions:
        """The start; u and u_x alike at x = -1 and x = 1."""
        start = Segment((STRIP.face(1, 0.0),), started)
        side = Segment((STRIP.face(0, -1.0),), alike)
        periodic = Condition((side,), ((IDENTITY, 0), (_D.x, 0)), shift=(2.0, 0.0))
        return {"initial": Condition((start,)), "periodic": periodic}

    @cached_property
    def hard(self) -> Hard:
        """The form x^2 cos(pi x) + t N keeps the start."""
        return Hard(
            ("initial",),
            factor=lambda x, t: t,  # noqa: ARG005
            lift=lambda x, t: x * x * cos(pi * x),  # noqa: ARG005
        )

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The linear part u_t - d u_xx - r u."""
        return (_D.t - self.diffusion * _D.xx - self.rate * _D.identity,)

    def residual(
        self,
        channels: Float[Tensor, "m c n k"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n k"]:
        """u_t - d u_xx - r u + r u^3."""
        u, linear = channels.unbind(1)
        return linear + self.rate * u * u * u

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with the spectral solution."""
        return _grid(self)


def started(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
    """The field at t = 0."""
    x = points[:, :1]
    field: ndarray = x**2 * np.cos(pi * x)
    return field


def alike(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    """No difference in u, none in u_x."""
    return np.zeros((len(points), 2))


@lru_cache(maxsize=4)
def _grid(problem: AllenCahn) -> Grid:
    counts = (problem.points_x, problem.points_t)

    def solution(points: ndarray) -> ndarray:
        field = spectral_allen_cahn(problem.diffusion, problem.rate, *counts)
        return field.reshape(len(points), 1)

    return lattice(STRIP, problem.conditions, counts, solution, open_ends=(0,))
