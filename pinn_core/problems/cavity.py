r"""The steady flow in the unit square under a sliding lid, in velocities and pressure.

    u u_x + v u_y + p_x - (u_xx + u_yy) / Re = 0,
    u v_x + v v_y + p_y - (v_xx + v_yy) / Re = 0,
    u_x + v_y = 0,

(u, v) = (1, 0) on the whole lid y = 1, corners included, and 0 on the other walls; the pressure is
held nowhere, and not judged (Wang, Teng, Perdikaris, SISC 43, 2021, section 4.3). Re = 100 comes
with its numerical solution; others, 1 to 400, are solved for at first use, in about 5 seconds.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least, within
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem
from pinn_core.problems.references import cavity_psi
from pinn_core.solvers import flow
from pinn_core.tensors import Tensor, torch

SQUARE = Box((0.0, 0.0), (1.0, 1.0))
"""The unit square."""
SHARE = 0.5**0.5
"""Factor of both velocities on the walls: the original code takes the mean of their squares."""

_D = Derivatives("x", "y")


@PROBLEMS.register("cavity")
@dataclass(frozen=True, kw_only=True)
class Cavity(Problem):
    """Lid-driven cavity with the outputs u, v and p; ``re`` is the Reynolds number.

    When to use: A system of three equations whose pressure has no condition; use ``cavity_stream``
    beside it to see what the formulation changes.

    >>> grid = Cavity().grid()
    >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
    (9604, 396)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y")
    outputs: ClassVar[int] = 3
    linear: ClassVar[bool] = False

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
        """The velocity and the pressure."""
        return ("u", "v", "p")

    @property
    def domain(self) -> Box:
        """The unit square."""
        return SQUARE

    @cached_property
    def conditions(self) -> Conditions:
        """The velocity on the four walls, the sum of their four means."""
        held = SHARE * _D.identity
        return {"boundary": Condition(walls(), ((held, 0), (held, 1)))}

    @cached_property
    def hard(self) -> Hard | None:
        """None: the velocity jumps in the lid's corners, no smooth form keeps it."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """Both slopes, and the viscous part."""
        return (_D.x, _D.y, -1 / self.re * (_D.xx + _D.yy))

    def residual(
        self,
        channels: Float[Tensor, "m c n 3"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 3"]:
        """Momentum along x, along y, continuity."""
        value, along_x, along_y, viscous = channels.unbind(1)
        (u, v, _), (u_x, v_x, p_x), (u_y, v_y, p_y), (viscous_u, viscous_v, _) = (
            channel.unbind(-1) for channel in (value, along_x, along_y, viscous)
        )
        momentum_x = u * u_x + v * u_y + p_x + viscous_u
        momentum_y = u * v_x + v * v_y + p_y + viscous_v
        return torch.stack([momentum_x, momentum_y, u_x + v_y], dim=-1)

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with u and v; p is NaN."""
        return _grid(self)


def walls() -> tuple[Segment, ...]:
    """The four walls, one segment each."""
    faces = [SQUARE.face(axis, value) for axis in (0, 1) for value in (0.0, 1.0)]
    return tuple(Segment((face,), sliding) for face in faces)


def sliding(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    """The walls' velocity in the scale of the loss: ``SHARE`` along the lid, else 0."""
    return np.stack([SHARE * (points[:, 1] == 1.0), np.zeros(len(points))], axis=1)


@lru_cache(maxsize=4)
def _grid(problem: Cavity) -> Grid:
    n = problem.points_per_axis
    axis = np.linspace(0.0, 1.0, n)

    def solution(points: ndarray) -> ndarray:
        field = flow(cavity_psi(problem.re), axis, axis).reshape(len(points), 3)
        return np.stack([field[:, 1], field[:, 2], np.full(len(points), np.nan)], axis=1)

    return lattice(SQUARE, problem.conditions, (n, n), solution)
