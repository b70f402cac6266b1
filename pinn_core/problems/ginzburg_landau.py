r"""The complex Ginzburg-Landau equation on a line, for x in [-1, 1), periodic.

    A_t = 0.004 A_xx + 10 A - 10 (1 + 1.5 i) |A|^2 A,    A = u + i v,

from A = 10 i x exp(-25 x^2). The benchmark of Wang, Li, Chen, Perdikaris (PirateNets, JMLR 25,
2024) in one dimension instead of two: their start on the line y = 0. The numerical solution is
spectral and agrees with finer ones to 1e-7. (A = 0 is unstable: the small kink of the start at
x = 1 grows as e^(10 t).)
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least, within
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.problems.circle import circle_grid_size, started_on_circle
from pinn_core.problems.conditions import IDENTITY, Box, Conditions
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem
from pinn_core.solvers import spectral_ginzburg_landau
from pinn_core.tensors import Tensor, torch

DIFFUSION, RATE, TURNING = 0.004, 10.0, 1.5
"""Coefficients of A_xx, of A, and of what turns the phase."""

_D = Derivatives("x", "t")


@PROBLEMS.register("ginzburg_landau")
@dataclass(frozen=True, kw_only=True)
class GinzburgLandau(Problem):
    """Complex Ginzburg-Landau equation with the outputs u and v, until the time ``end``.

    The grid has no points at x = 1, which is x = -1 again.

    When to use: To see whether a training finds the pattern, or settles on A = 0, which solves the
    equation, too, and is unstable.

    >>> grid = GinzburgLandau().grid()
    >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
    (25245, 355)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "t")
    time_points: ClassVar[str] = "points_t"
    outputs: ClassVar[int] = 2
    linear: ClassVar[bool] = False

    points_x: int = 256
    """Points of the grid along x; the far end, which is the near one again, is left out."""
    points_t: int = 100
    """Time levels of the grid, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    end: float = 1.0
    """The last time."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        within(0.01, 1.0, end=self.end)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        return circle_grid_size(self.points_x, self.points_t)

    @property
    def components(self) -> tuple[str, ...]:
        """Real and imaginary part."""
        return ("u", "v")

    @property
    def domain(self) -> Box:
        """The interval from -1 to 1, t from 0 to ``end``."""
        return Box((-1.0, 0.0), (1.0, self.end))

    @cached_property
    def conditions(self) -> Conditions:
        """The start of both parts; both and their slopes alike at x = -1 and x = 1."""
        values, slopes = ([(op, output) for output in (0, 1)] for op in (IDENTITY, _D.x))
        return started_on_circle(self.domain, started, values, [*values, *slopes])

    @cached_property
    def hard(self) -> Hard | None:
        """None: a form holds for all outputs, and these start differently."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The linear part, the same of u and v: u_t - 0.004 u_xx - 10 u."""
        return (_D.t - DIFFUSION * _D.xx - RATE * _D.identity,)

    def residual(
        self,
        channels: Float[Tensor, "m c n 2"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 2"]:
        """What is left of the real and of the imaginary part."""
        (u, v), (of_u, of_v) = (channels[:, c].unbind(-1) for c in range(2))
        size = RATE * (u * u + v * v)
        return torch.stack(
            [of_u + size * (u - TURNING * v), of_v + size * (v + TURNING * u)], dim=-1
        )

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with the spectral solution."""
        return _grid(self)


def started(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    """Both parts at t = 0."""
    x = points[:, 0]
    return np.stack([np.zeros_like(x), 10 * x * np.exp(-25 * x**2)], axis=1)


@lru_cache(maxsize=4)
def _grid(problem: GinzburgLandau) -> Grid:
    counts = (problem.points_x, problem.points_t)
    coefficients = (DIFFUSION, RATE, TURNING)

    def solution(_: ndarray) -> ndarray:
        return spectral_ginzburg_landau(coefficients, *counts, problem.end).reshape(2, -1).T

    return lattice(problem.domain, problem.conditions, counts, solution, open_ends=(0,))
