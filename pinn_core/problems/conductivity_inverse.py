r"""Heat in a rod, u_t = C u_xx + f for x in [-1, 1], t in [0, 1], with C to be found.

The source f = (C pi^2 - 1) exp(-t) sin(pi x) makes u = exp(-t) sin(pi x) the solution. C = 1 with
the start 2 is the identification example of Lu, Meng, Mao, Karniadakis, DeepXDE, SIAM Review 63,
2021, which takes ten observations at t = 1.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import pi
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import above, all_or_up_to, at_least, within
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.problems.unknowns import Unknown, Unknowns
from pinn_core.tensors import Tensor, torch

STRIP = Box((-1.0, 0.0), (1.0, 1.0))
"""x from -1 to 1, t from 0 to 1."""

_D = Derivatives("x", "t")


@PROBLEMS.register("conductivity_inverse")
@dataclass(frozen=True, kw_only=True)
class ConductivityInverse(Problem):
    """Heat equation with an unknown ``conductivity`` > 0, whose true value the field gives.

    ``rate`` is how much faster than the network its logarithm is trained.

    When to use: The smallest identification: one coefficient from a few sensors. It needs ``data``.

    >>> ConductivityInverse(start=2.0).unknowns["conductivity"].error(1.5)
    0.5
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "t")
    reference: ClassVar[Reference] = "closed form"
    time_points: ClassVar[str] = "points_t"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = False

    points_x: int = 41
    """Points of the grid along x, both ends counted."""
    points_t: int = 21
    """Time levels of the grid, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    conductivity: float = 1.0
    """The true conductivity C."""
    start: float = 2.0
    """Where the training of C begins."""
    rate: float = 1.0
    """How much faster than the network the logarithm of C is trained."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        within(1e-3, 1e3, conductivity=self.conductivity, start=self.start)
        above(0, rate=self.rate)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        inside = (self.points_x - 2) * (self.points_t - 1)
        return inside, self.points_x * self.points_t - inside

    @property
    def domain(self) -> Box:
        """The interval from -1 to 1, t from 0 to 1."""
        return STRIP

    @property
    def unknowns(self) -> Unknowns:
        """The conductivity."""
        return {"conductivity": Unknown(self.start, True, self.rate, self.conductivity)}

    @cached_property
    def conditions(self) -> Conditions:
        """The start, and the two ends held at 0."""
        start = Segment((STRIP.face(1, 0.0),), solution)
        ends = tuple(Segment((STRIP.face(0, end),)) for end in (-1.0, 1.0))
        return {"initial": Condition((start,)), "boundary": Condition(ends)}

    @cached_property
    def hard(self) -> Hard | None:
        """None."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The derivatives u_t, u_xx."""
        return (_D.t, _D.xx)

    def residual(
        self, channels: Float[Tensor, "m c n k"], points: Float[Tensor, "#m n d"]
    ) -> Float[Tensor, "m n k"]:
        """u_t - C u_xx - f."""
        x, t = points[..., :1], points[..., 1:]
        source = (self.conductivity * pi**2 - 1.0) * torch.exp(-t) * torch.sin(pi * x)
        return channels[:, 1] - self.unknown(channels, "conductivity") * channels[:, 2] - source

    def grid(self) -> Grid:
        """Equally spaced points with the solution."""
        return _grid(self.points_x, self.points_t)


def solution(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
    """The wave exp(-t) sin(pi x)."""
    wave: ndarray = np.exp(-points[:, 1:]) * np.sin(pi * points[:, :1])
    return wave


@lru_cache(maxsize=4)
def _grid(points_x: int, points_t: int) -> Grid:
    problem = ConductivityInverse(points_x=points_x, points_t=points_t)
    return lattice(STRIP, problem.conditions, (points_x, points_t), solution)
