r"""Reaction u_t = rho u (1 - u), x in [0, 2 pi) and periodic, t in [0, 1].

It starts as the bell h(x) = exp(-(x - pi)^2 / (2 (pi / 4)^2)) and grows towards 1 everywhere. Plain
PINNs fail for rho of 5 and more (Krishnapriyan et al.: characterizing possible failure modes in
PINNs, NeurIPS 2021, reaction). The default grid is the paper's, 256 x 100.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least
from pinn_core.engine import taylor
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor

PERIOD = 2 * np.pi
"""Length of the x axis."""

SHARPNESS = 8 / np.pi**2
"""1 / (2 (pi / 4)^2): the bell is exp(-SHARPNESS (x - pi)^2)."""

STRIP = Box((0.0, 0.0), (PERIOD, 1.0))
"""One period of x, t from 0 to 1."""

_D = Derivatives("x", "t")


@PROBLEMS.register("reaction", numerics=2)
@dataclass(frozen=True, kw_only=True)
class Reaction(Problem):
    """Logistic growth at every x on its own; ``rho`` is its rate.

    When to use: An ordinary differential equation at every x, on which plain PINNs still fail; the
    error is in time alone.

    >>> grid = Reaction().grid()
    >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
    (25245, 355)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "t")
    reference: ClassVar[Reference] = "closed form"
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
    rho: float = 5.0
    """The rate of the growth."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        at_least(0, rho=self.rho)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        inside = (self.points_x - 1) * (self.points_t - 1)
        return inside, self.points_x * self.points_t - inside

    @property
    def domain(self) -> Box:
        """One period of x, t from 0 to 1."""
        return STRIP

    @cached_property
    def conditions(self) -> Conditions:
        """The start, and the same value at both ends of the period."""
        start, end = STRIP.face(1, 0.0), STRIP.face(0, 0.0)
        return {
            "initial": Condition((Segment((start,), self.exact),)),
            "periodic": Condition((Segment((end,)),), shift=(PERIOD, 0.0)),
        }

    @cached_property
    def hard(self) -> Hard:
        """The start: u = h(x) + t N, which is periodic only if the network is."""
        return Hard(("initial",), _elapsed, _bell)

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The change in time."""
        return (_D.t,)

    def residual(
        self,
        channels: Float[Tensor, "m c n 1"],
        points: Float[Tensor, "#m n 2"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 1"]:
        """u_t - rho u (1 - u)."""
        u, u_t = channels[:, 0], channels[:, 1]
        return u_t - self.rho * u * (1 - u)

    def exact(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        """The logistic curve h e^(rho t) / (h e^(rho t) + 1 - h), written so as not to overflow."""
        x, t = points[:, :1], points[:, 1:]
        h = np.exp(-SHARPNESS * (x - np.pi) ** 2)
        u: ndarray = h / (h + (1 - h) * np.exp(-self.rho * t))
        return u

    def grid(self) -> Grid:
        """Equally spaced points without x = 2 pi; those at t = 0 and at x = 0 are supervised."""
        return _grid(self)


def _elapsed(_x: Taylor, t: Taylor) -> Taylor:
    return t


def _bell(x: Taylor, _t: Taylor) -> Taylor:
    return taylor.exp((x - np.pi) * (x - np.pi) * -SHARPNESS)


@lru_cache(maxsize=4)
def _grid(problem: Reaction) -> Grid:
    counts = (problem.points_x, problem.points_t)
    return lattice(STRIP, problem.conditions, counts, problem.exact, open_ends=(0,))
