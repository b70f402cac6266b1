r"""The Klein-Gordon equation u_tt + alpha u_xx + beta u + gamma u^k = f, t and x in [0, 1].

The source f is that of the solution u = x cos(5 pi t) + (x t)^3, whatever the coefficients (Wang,
Teng, Perdikaris: gradient flow pathologies in PINNs, SISC 2021, Klein-Gordon benchmark: alpha = -1,
beta = 0, gamma = 1, k = 3). The paper prints u(x, 0) = 0; its solution and its code have
u(x, 0) = x, as here. The input order (t, x) is the code's.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least, finite
from pinn_core.engine import taylor
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.problems.conditions import IDENTITY, Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor, torch

OMEGA = 5 * np.pi
"""Angular frequency of the solution's oscillation."""

SQUARE = Box((0.0, 0.0), (1.0, 1.0))
"""t from 0 to 1, x from 0 to 1."""

_D = Derivatives("t", "x")


@PROBLEMS.register("klein_gordon")
@dataclass(frozen=True, kw_only=True)
class KleinGordon(Problem):
    """Nonlinear Klein-Gordon equation; its coefficients change the source, not the solution.

    When to use: A nonlinear problem with second derivatives in time and a fast oscillation; it
    tests loss weights and gated networks.

    >>> grid = KleinGordon().grid()
    >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
    (9702, 298)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("t", "x")
    reference: ClassVar[Reference] = "closed form"
    time_points: ClassVar[str] = "points_per_axis"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = False

    points_per_axis: int = 100
    """Points of the grid along each axis, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    alpha: float = -1.0
    """The coefficient of u_xx."""
    beta: float = 0.0
    """The coefficient of u."""
    gamma: float = 1.0
    """The coefficient of u^k."""
    k: int = 3
    """The power of the nonlinear term."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        finite(alpha=self.alpha, beta=self.beta, gamma=self.gamma)
        at_least(1, k=self.k)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        n = self.points_per_axis
        return (n - 1) * (n - 2), 3 * n - 2

    @property
    def domain(self) -> Box:
        """Time and place from 0 to 1."""
        return SQUARE

    @cached_property
    def conditions(self) -> Conditions:
        """Value and velocity at the start; the values at both ends, each with its own mean."""
        start = Segment((SQUARE.face(0, 0.0),), _at_rest)
        ends = (Segment((SQUARE.face(1, x),), self.exact) for x in (0.0, 1.0))
        return {
            "initial": Condition((start,), ((IDENTITY, 0), (_D.t, 0))),
            "boundary": Condition(tuple(ends)),
        }

    @cached_property
    def hard(self) -> Hard:
        """The data continued inwards: u = x (cos(5 pi t) + t^3) + t^2 x (1 - x) N.

        The lift contains the oscillation, which makes the task easy: say so beside the results.
        """
        return Hard(("initial", "boundary"), _inside, _lift)

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The linear part of the equation as one operator."""
        return (_D.tt + self.alpha * _D.xx + self.beta * _D.identity,)

    def residual(
        self, channels: Float[Tensor, "m c n 1"], points: Float[Tensor, "#m n 2"]
    ) -> Float[Tensor, "m n 1"]:
        """u_tt + alpha u_xx + beta u + gamma u^k - f."""
        u, linear_part = channels[:, 0], channels[:, 1]
        return linear_part + self.gamma * u.pow(self.k) - self.source(points)

    def source(self, points: Float[Tensor, "#m n 2"]) -> Float[Tensor, "#m n 1"]:
        """The left-hand side f of the solution."""
        t, x = points.split(1, dim=-1)
        wave = x * torch.cos(OMEGA * t)
        u = wave + (x * t) ** 3
        u_tt = 6 * t * x**3 - OMEGA**2 * wave
        u_xx = 6 * x * t**3
        f: Tensor = u_tt + self.alpha * u_xx + self.beta * u + self.gamma * u.pow(self.k)
        return f

    def exact(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        """The oscillation x cos(5 pi t) and the drift (x t)^3."""
        t, x = points[:, :1], points[:, 1:]
        u: ndarray = x * np.cos(OMEGA * t) + (x * t) ** 3
        return u

    def grid(self) -> Grid:
        """Equally spaced points, those at the start and at both ends of x supervised."""
        return _grid(self)


def _at_rest(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    """Value and velocity of the solution at t = 0: x and 0."""
    return np.stack([points[:, 1], np.zeros(len(points))], axis=1)


def _inside(t: Taylor, x: Taylor) -> Taylor:
    return t * t * x * (1.0 - x)


def _lift(t: Taylor, x: Taylor) -> Taylor:
    return x * (taylor.cos(t * OMEGA) + t * t * t)


@lru_cache(maxsize=4)
def _grid(problem: KleinGordon) -> Grid:
    return lattice(SQUARE, problem.conditions, (problem.points_per_axis,) * 2, problem.exact)
