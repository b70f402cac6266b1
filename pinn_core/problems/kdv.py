r"""The Korteweg-de Vries equation u_t + u u_x + d u_xxx = 0 for x in [-1, 1), periodic.

It starts at u = cos(pi x), which steepens and breaks up into solitons; d = 0.022^2 (Zabusky and
Kruskal 1965; as a PINN benchmark in Wang, Li, Chen, Perdikaris, PirateNets, JMLR 25, 2024). Its
numerical solution is spectral and agrees with finer ones to 1e-8.
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
from pinn_core.problems.circle import circle_grid_size, started_on_circle
from pinn_core.problems.conditions import IDENTITY, Box, Conditions
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem
from pinn_core.solvers import spectral_kdv
from pinn_core.tensors import Tensor

_D = Derivatives("x", "t")


@PROBLEMS.register("kdv")
@dataclass(frozen=True, kw_only=True)
class KdV(Problem):
    """Korteweg-de Vries equation with the coefficient ``dispersion``, until the time ``end``.

    Of order three, which torch differentiates: several times slower than equations of order two.
    The grid has no points at x = 1, which is x = -1 again.

    When to use: A solution that breaks up into solitons, by a derivative of order three. A larger
    ``dispersion`` makes them wider.

    >>> grid = KdV().grid()
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
    dispersion: float = 0.022**2
    """The coefficient d of u_xxx."""
    end: float = 1.0
    """The last time."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        within(2e-4, 1e-2, dispersion=self.dispersion)
        within(0.01, 1.0, end=self.end)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        return circle_grid_size(self.points_x, self.points_t)

    @property
    def domain(self) -> Box:
        """The interval from -1 to 1, t from 0 to ``end``."""
        return Box((-1.0, 0.0), (1.0, self.end))

    @cached_property
    def conditions(self) -> Conditions:
        """The start; u, u_x and u_xx alike at x = -1 and x = 1."""
        u = (IDENTITY, 0)
        return started_on_circle(self.domain, started, [u], [u, (_D.x, 0), (_D.xx, 0)])

    @cached_property
    def hard(self) -> Hard:
        """The form cos(pi x) + t N keeps the start."""
        return Hard(
            ("initial",),
            factor=lambda x, t: t,  # noqa: ARG005
            lift=lambda x, t: cos(pi * x),  # noqa: ARG005
        )

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """u_x, and the linear part u_t + d u_xxx."""
        return (_D.x, _D.t + self.dispersion * _D.xxx)

    def residual(
        self,
        channels: Float[Tensor, "m c n k"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n k"]:
        """u_t + u u_x + d u_xxx."""
        u, u_x, linear = channels.unbind(1)
        return linear + u * u_x

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with the spectral solution."""
        return _grid(self)


def started(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
    """The field at t = 0."""
    field: ndarray = np.cos(pi * points[:, :1])
    return field


@lru_cache(maxsize=4)
def _grid(problem: KdV) -> Grid:
    counts = (problem.points_x, problem.points_t)

    def solution(points: ndarray) -> ndarray:
        field = spectral_kdv(problem.dispersion, *counts, problem.end)
        return field.reshape(len(points), 1)

    return lattice(problem.domain, problem.conditions, counts, solution, open_ends=(0,))
