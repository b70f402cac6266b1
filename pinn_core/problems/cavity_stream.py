r"""The flow in the unit square under a sliding lid, in stream function and pressure.

The momentum equations of `cavity.py` with u = psi_y, v = -psi_x, which has no divergence; third
derivatives of psi (Wang, Teng, Perdikaris, SISC 43, 2021, section 4.3). The walls' velocities do
not fix psi: with psi, psi + c is a solution as well. The numerical one is 0 on the walls.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least, within
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.problems.cavity import SHARE, SQUARE, walls
from pinn_core.problems.conditions import Box, Condition, Conditions
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem
from pinn_core.problems.references import cavity_psi
from pinn_core.solvers import flow
from pinn_core.tensors import Tensor, torch

_D = Derivatives("x", "y")


@PROBLEMS.register("cavity_stream")
@dataclass(frozen=True, kw_only=True)
class CavityStream(Problem):
    """Lid-driven cavity with the outputs psi and p; ``re`` is the Reynolds number.

    When to use: The formulation with which the paper's networks find the flow, at the price of
    third derivatives.

    >>> grid = CavityStream().grid()
    >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
    (9604, 396)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y")
    outputs: ClassVar[int] = 2
    linear: ClassVar[bool] = False
    error_outputs: ClassVar[tuple[tuple[Operator, int], ...]] = ((_D.y, 0), (-_D.x, 0))
    error_names: ClassVar[tuple[str, ...]] = ("u", "v")

    points_per_axis: int = 100
    """Points of the grid along each axis, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    re: float = 100.0
    """The Reynolds number."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        within(1.0, 400.0, re=self.re)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        n = self.points_per_axis
        return (n - 2) ** 2, 4 * (n - 1)

    @property
    def components(self) -> tuple[str, ...]:
        """The stream function and the pressure."""
        return ("psi", "p")

    @property
    def domain(self) -> Box:
        """The unit square."""
        return SQUARE

    @cached_property
    def conditions(self) -> Conditions:
        """The velocity (psi_y, -psi_x) on the four walls, the sum of their four means."""
        velocity = ((SHARE * _D.y, 0), (-SHARE * _D.x, 0))
        return {"boundary": Condition(walls(), velocity)}

    @cached_property
    def hard(self) -> Hard | None:
        """None: the velocity jumps in the lid's corners, no smooth form keeps it."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """First and second derivatives, and the viscous parts for u and for v."""
        viscous_u = -1 / self.re * (_D.xxy + _D.yyy)
        viscous_v = 1 / self.re * (_D.xxx + _D.xyy)
        return (_D.x, _D.y, _D.xx, _D.xy, _D.yy, viscous_u, viscous_v)

    def residual(
        self,
        channels: Float[Tensor, "m c n 2"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 2"]:
        """Momentum along x, along y."""
        _, psi_x, psi_y, psi_xx, psi_xy, psi_yy, viscous_u, viscous_v = channels[..., 0].unbind(1)
        p_x, p_y = channels[:, 1, :, 1], channels[:, 2, :, 1]
        momentum_x = psi_y * psi_xy - psi_x * psi_yy + p_x + viscous_u
        momentum_y = psi_x * psi_xy - psi_y * psi_xx + p_y + viscous_v
        return torch.stack([momentum_x, momentum_y], dim=-1)

    def grid(self) -> Grid:
        """The full grid: psi to learn (p is NaN), the velocity to be judged by."""
        return _grid(self)


@lru_cache(maxsize=4)
def _grid(problem: CavityStream) -> Grid:
    n = problem.points_per_axis
    axis = np.linspace(0.0, 1.0, n)
    solved = flow(cavity_psi(problem.re), axis, axis).reshape(n * n, 3)

    def psi(_: ndarray) -> ndarray:
        return np.stack([solved[:, 0], np.full(n * n, np.nan)], axis=1)

    def velocity(_: ndarray) -> ndarray:
        return solved[:, 1:]

    outputs, judged = (
        lattice(SQUARE, problem.conditions, (n, n), solution) for solution in (psi, velocity)
    )
    return Grid(
        replace(outputs.interior, exact=judged.interior.exact),
        replace(outputs.supervised, exact=judged.supervised.exact),
    )
