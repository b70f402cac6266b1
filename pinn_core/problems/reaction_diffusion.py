r"""Reaction and diffusion, u_t - nu u_xx - rho u (1 - u) = 0, periodic in x.

On x in [0, 2 pi), t in [0, 1] from the bell exp(-(x - pi)^2 / (2 (pi / 4)^2)); nu is 2 to 6, rho 5
in Krishnapriyan et al., NeurIPS 2021. The numerical solution is split as Strang does, its times are
those of the grid and end at t = 1.
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
from pinn_core.engine.taylor import exp
from pinn_core.problems.conditions import IDENTITY, Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem
from pinn_core.solvers import split_reaction_diffusion
from pinn_core.tensors import Tensor

STRIP = Box((0.0, 0.0), (2 * pi, 1.0))
"""x from 0 to 2 pi, t from 0 to 1."""
SHARPNESS = 8 / pi**2
"""1 / (2 sigma^2) of the bell, sigma = pi / 4."""
FINE = 256
"""Points along x at which the numerical solution is computed, at least."""

_D = Derivatives("x", "t")


@PROBLEMS.register("reaction_diffusion", numerics=2)
@dataclass(frozen=True, kw_only=True)
class ReactionDiffusion(Problem):
    """Logistic reaction at the rate ``rho``, diffusion at the rate ``nu``; x = 2 pi is no point.

    When to use: The reaction with smoothing; to see whether a remedy for ``reaction`` survives a
    second derivative.

    >>> grid = ReactionDiffusion().grid()
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
    nu: float = 3.0
    """The diffusivity."""
    rho: float = 5.0
    """The rate of the growth."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        within(0.0, 100.0, nu=self.nu, rho=self.rho)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        inside = (self.points_x - 1) * (self.points_t - 1)
        return inside, self.points_x * self.points_t - inside

    @property
    def domain(self) -> Box:
        """The circle from 0 to 2 pi, t from 0 to 1."""
        return STRIP

    @cached_property
    def conditions(self) -> Conditions:
        """The start; u and, with diffusion, u_x alike at x = 0 and x = 2 pi."""
        start = Segment((STRIP.face(1, 0.0),), started)
        quantities = ((IDENTITY, 0), (_D.x, 0)) if self.nu else ((IDENTITY, 0),)
        side = Segment((STRIP.face(0, 0.0),), self.alike)
        periodic = Condition((side,), quantities, shift=(2 * pi, 0.0))
        return {"initial": Condition((start,)), "periodic": periodic}

    def alike(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n q"]:
        """No difference in u nor, with diffusion, in u_x."""
        return np.zeros((len(points), 2 if self.nu else 1))

    @cached_property
    def hard(self) -> Hard:
        """The form bell(x) + t N keeps the start."""
        return Hard(
            ("initial",),
            factor=lambda x, t: t,  # noqa: ARG005
            lift=lambda x, t: exp(-SHARPNESS * ((x - pi) * (x - pi))),  # noqa: ARG005
        )

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The linear part u_t - nu u_xx - rho u."""
        return (_D.t - self.nu * _D.xx - self.rho * _D.identity,)

    def residual(
        self,
        channels: Float[Tensor, "m c n k"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n k"]:
        """u_t - nu u_xx - rho u + rho u^2."""
        u, linear = channels.unbind(1)
        return linear + self.rho * u * u

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with the numerical solution."""
        return _grid(self)


def started(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
    """The bell at t = 0."""
    bell: ndarray = np.exp(-SHARPNESS * (points[:, :1] - pi) ** 2)
    return bell


@lru_cache(maxsize=4)
def _grid(problem: ReactionDiffusion) -> Grid:
    counts = (problem.points_x, problem.points_t)
    every = -(-FINE // problem.points_x)

    def solution(points: ndarray) -> ndarray:
        x = np.linspace(0.0, 2 * pi, every * problem.points_x, endpoint=False)
        bell = started(np.stack([x, np.zeros_like(x)], axis=1))[:, 0]
        field = split_reaction_diffusion(bell, problem.nu, problem.rho, problem.points_t)
        return field[::every].reshape(len(points), 1)

    return lattice(STRIP, problem.conditions, counts, solution, open_ends=(0,))
