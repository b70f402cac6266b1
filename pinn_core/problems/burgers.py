r"""Burgers' equation u_t + u u_x - nu u_xx = 0 for x in [-1, 1], t in [0, 1].

It starts at u = -sin(pi x) and is held at u = 0 on both sides, or is periodic: the solution is the
same, for it is odd in x and has the period 2 of its start. With nu = 0.01 / pi the slope at
x = 0 steepens to about -150 (Raissi, Perdikaris, Karniadakis, Journal of Computational Physics
378, 2019; Wang, Teng, Perdikaris, SISC 43, 2021, section 1). The solution is Cole's and Hopf's.
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
from pinn_core.engine.taylor import sin
from pinn_core.problems.conditions import IDENTITY, Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem
from pinn_core.solvers import cole_hopf
from pinn_core.tensors import Tensor

STRIP = Box((-1.0, 0.0), (1.0, 1.0))
"""x from -1 to 1, t from 0 to 1."""

_D = Derivatives("x", "t")


@PROBLEMS.register("burgers")
@dataclass(frozen=True, kw_only=True)
class Burgers(Problem):
    """Burgers' equation; ``nu`` is the viscosity, the grid has both ends of t.

    With ``sides: held`` u is 0 at x = -1 and x = 1; with ``periodic`` u and u_x are alike there,
    which ``inputs: periodic`` keep exactly, and the grid has no points at x = 1, which is x = -1
    again.

    When to use: The standard test of a solution that steepens to a front; it separates optimizers
    and point samplers.

    >>> grid = Burgers().grid()
    >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
    (25146, 454)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "t")
    time_points: ClassVar[str] = "points_t"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = False

    points_x: int = 256
    """Points of the grid along x, both ends counted."""
    points_t: int = 100
    """Time levels of the grid, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    nu: float = 0.01 / pi
    """The viscosity."""
    sides: Literal["held", "periodic"] = "held"
    """Whether u is held at 0 at both ends of x, or periodic."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        within(1e-3, 1.0, nu=self.nu)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        inside = (self.points_x - (2 if self.sides == "held" else 1)) * (self.points_t - 1)
        return inside, self.points_x * self.points_t - inside

    @property
    def domain(self) -> Box:
        """The interval from -1 to 1, t from 0 to 1."""
        return STRIP

    @cached_property
    def conditions(self) -> Conditions:
        """The start, and the two sides held at 0 or alike."""
        start = Segment((STRIP.face(1, 0.0),), started)
        if self.sides == "periodic":
            side = Segment((STRIP.face(0, -1.0),), alike)
            periodic = Condition((side,), ((IDENTITY, 0), (_D.x, 0)), shift=(2.0, 0.0))
            return {"initial": Condition((start,)), "periodic": periodic}
        sides = tuple(Segment((STRIP.face(0, side),)) for side in (-1.0, 1.0))
        return {"initial": Condition((start,)), "boundary": Condition(sides)}

    @cached_property
    def hard(self) -> Hard:
        """The form -sin(pi x) + t (1 - x^2) N keeps both; periodic, that with t N the start."""
        if self.sides == "periodic":
            return Hard(
                ("initial",),
                factor=lambda x, t: t,  # noqa: ARG005
                lift=lambda x, t: -sin(pi * x),  # noqa: ARG005
            )
        return Hard(
            ("initial", "boundary"),
            factor=lambda x, t: t * (1.0 - x * x),
            lift=lambda x, t: -sin(pi * x),  # noqa: ARG005
        )

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The linear part u_t - nu u_xx, and u_x."""
        return (_D.t - self.nu * _D.xx, _D.x)

    def residual(
        self,
        channels: Float[Tensor, "m c n k"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n k"]:
        """u_t - nu u_xx + u u_x."""
        u, linear, u_x = channels.unbind(1)
        return linear + u * u_x

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with Cole and Hopf's solution."""
        return _grid(self)


def started(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
    """The wave at t = 0."""
    wave: ndarray = -np.sin(pi * points[:, :1])
    return wave


def alike(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    """No difference in u, none in u_x."""
    return np.zeros((len(points), 2))


@lru_cache(maxsize=4)
def _grid(problem: Burgers) -> Grid:
    def solution(points: ndarray) -> ndarray:
        return cole_hopf(np.unique(points[:, 0]), np.unique(points[:, 1]), problem.nu).reshape(
            -1, 1
        )

    counts = (problem.points_x, problem.points_t)
    open_ends = (0,) if problem.sides == "periodic" else ()
    return lattice(STRIP, problem.conditions, counts, solution, open_ends)
