r"""The Kuramoto-Sivashinsky equation as a system of order two, for x in [0, 2 pi), periodic.

    u_t + 100/16 u u_x + 100/16^2 u_xx + 100/16^4 u_xxxx = 0,    u = cos(x) (1 + sin(x)) at t = 0

(Wang, Sankaran, Perdikaris 2024, causal training). The engine carries no derivatives of order four.
With a second output w that is to be u_xx / 16^2, so that both are of order one,

    u_t + 100/16 u u_x + 100 w + 100/16^2 w_xx = 0,    w - u_xx / 16^2 = 0.
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
from pinn_core.solvers import spectral_kuramoto_sivashinsky
from pinn_core.tensors import Tensor, torch

COEFFICIENTS = (100 / 16, 100 / 16**2, 100 / 16**4)
"""Of u u_x, u_xx and u_xxxx."""
BEND = 1 / 16**2
"""w in units of u_xx."""

_D = Derivatives("x", "t")


@PROBLEMS.register("kuramoto_sivashinsky")
@dataclass(frozen=True, kw_only=True)
class KuramotoSivashinsky(Problem):
    """Kuramoto-Sivashinsky equation with the outputs u and w, until the time ``end``.

    It is chaotic: the numerical solution agrees with finer ones to 1e-8 up to t = 0.4 and to 1e-6
    at t = 1. Errors are those of u; w has no reference. The grid has no points at x = 2 pi.

    When to use: A chaotic solution, to test causal weights and training by windows of time: small
    errors grow with ``end``.

    >>> grid = KuramotoSivashinsky().grid()
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
    end: float = 0.4
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
        """The field and its scaled second derivative."""
        return ("u", "w")

    @property
    def domain(self) -> Box:
        """The circle from 0 to 2 pi, t from 0 to ``end``."""
        return Box((0.0, 0.0), (2 * np.pi, self.end))

    @cached_property
    def conditions(self) -> Conditions:
        """The start of u; u, w, u_x and w_x alike at x = 0 and x = 2 pi."""
        values, slopes = ([(op, output) for output in (0, 1)] for op in (IDENTITY, _D.x))
        return started_on_circle(self.domain, started, values[:1], [*values, *slopes])

    @cached_property
    def hard(self) -> Hard | None:
        """None: a form holds for all outputs, and w is not asked to start anywhere."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The derivatives by t, by x and twice by x."""
        return (_D.t, _D.x, _D.xx)

    def residual(
        self,
        channels: Float[Tensor, "m c n 2"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 2"]:
        """What is left of the equation, and of w = u_xx / 16^2."""
        (u, w), (u_t, _), (u_x, _), (u_xx, w_xx) = (channels[:, c].unbind(-1) for c in range(4))
        steepening, growth, damping = COEFFICIENTS
        equation = u_t + steepening * u * u_x + (growth * w + damping * w_xx) / BEND
        return torch.stack([equation, w - BEND * u_xx], dim=-1)

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with the spectral solution u."""
        return _grid(self)


def started(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
    """The field at t = 0."""
    x = points[:, :1]
    field: ndarray = np.cos(x) * (1 + np.sin(x))
    return field


@lru_cache(maxsize=4)
def _grid(problem: KuramotoSivashinsky) -> Grid:
    counts = (problem.points_x, problem.points_t)

    def solution(points: ndarray) -> ndarray:
        u = spectral_kuramoto_sivashinsky(COEFFICIENTS, *counts, problem.end)
        return np.stack([u.ravel(), np.full(len(points), np.nan)], axis=1)

    return lattice(problem.domain, problem.conditions, counts, solution, open_ends=(0,))
