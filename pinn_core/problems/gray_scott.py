r"""The Gray-Scott model of two substances on a line, for x in [-1, 1), periodic.

    u_t = 0.2 u_xx + 40 (1 - u) - 1000 u v^2,    v_t = 0.1 v_xx - 100 v + 1000 u v^2

from u = 1 - exp(-10 (x + 0.05)^2) and v = exp(-10 (x - 0.05)^2): the benchmark of Wang, Li, Chen,
Perdikaris (PirateNets, JMLR 25, 2024) in one dimension instead of two. Its time is scaled by 1000.
The numerical solution is spectral and agrees with finer ones to 1e-7: the start has a small kink at
x = 1.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
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
from pinn_core.solvers import spectral_gray_scott
from pinn_core.tensors import Tensor, torch

RATES = MappingProxyType(
    {"d_u": 0.2, "d_v": 0.1, "b1": 40.0, "b2": 100.0, "c1": 1000.0, "c2": 1000.0}
)
"""Diffusion, feed and removal, and reaction of both substances."""

_D = Derivatives("x", "t")


@PROBLEMS.register("gray_scott")
@dataclass(frozen=True, kw_only=True)
class GrayScott(Problem):
    """Gray-Scott model with the outputs u and v, until the time ``end``.

    The grid has no points at x = 1, which is x = -1 again.

    When to use: A system of two equations with fast reactions; see whether a remedy for a single
    equation survives there.

    >>> grid = GrayScott(end=0.1).grid()
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
    end: float = 0.5
    """The last time."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        within(0.01, 2.0, end=self.end)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        return circle_grid_size(self.points_x, self.points_t)

    @property
    def components(self) -> tuple[str, ...]:
        """Both concentrations."""
        return ("u", "v")

    @property
    def domain(self) -> Box:
        """The interval from -1 to 1, t from 0 to ``end``."""
        return Box((-1.0, 0.0), (1.0, self.end))

    @cached_property
    def conditions(self) -> Conditions:
        """Both starts; both fields and their slopes alike at x = -1 and x = 1."""
        values, slopes = ([(op, output) for output in (0, 1)] for op in (IDENTITY, _D.x))
        return started_on_circle(self.domain, started, values, [*values, *slopes])

    @cached_property
    def hard(self) -> Hard | None:
        """None: a form holds for all outputs, and these start differently."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The linear parts u_t - 0.2 u_xx + 40 u and v_t - 0.1 v_xx + 100 v."""
        return (
            _D.t - RATES["d_u"] * _D.xx + RATES["b1"] * _D.identity,
            _D.t - RATES["d_v"] * _D.xx + RATES["b2"] * _D.identity,
        )

    def residual(
        self,
        channels: Float[Tensor, "m c n 2"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 2"]:
        """What is left of both equations."""
        u, v = channels[:, 0].unbind(-1)
        met = u * v * v
        of_u = channels[:, 1, :, 0] + RATES["c1"] * met - RATES["b1"]
        of_v = channels[:, 2, :, 1] - RATES["c2"] * met
        return torch.stack([of_u, of_v], dim=-1)

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with the spectral solution."""
        return _grid(self)


def started(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    """Both concentrations at t = 0."""
    x = points[:, 0]
    u, v = 1 - np.exp(-10 * (x + 0.05) ** 2), np.exp(-10 * (x - 0.05) ** 2)
    return np.stack([u, v], axis=1)


@lru_cache(maxsize=4)
def _grid(problem: GrayScott) -> Grid:
    counts = (problem.points_x, problem.points_t)

    def solution(_: ndarray) -> ndarray:
        return spectral_gray_scott(RATES, *counts, problem.end).reshape(2, -1).T

    return lattice(problem.domain, problem.conditions, counts, solution, open_ends=(0,))
