r"""Two substances that react, A + 2 B -> C, and diffuse, with the rates to be found.

    a_t = 1e-3 D a_xx - k a b^2,  b_t = 1e-3 D b_xx - 2 k a b^2,  x in [0, 1], t in [0, 10],

a = b = exp(-20 x) at first and 1 - x at both ends. The truth is D = 2, k = 0.1; the
training starts at D = 1, k = 0.05 (the diffusion-reaction system of Lu, Meng, Mao, Karniadakis,
DeepXDE, SIAM Review 63, 2021, whose data file is not used: the solution is made here).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import above, all_or_up_to, at_least, within
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.problems.conditions import IDENTITY, Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import lattice
from pinn_core.problems.problem import PROBLEMS, Grid, Problem
from pinn_core.problems.unknowns import Unknown, Unknowns
from pinn_core.solvers import react_and_diffuse
from pinn_core.tensors import Tensor, torch

STRIP = Box((0.0, 0.0), (1.0, 10.0))
"""x from 0 to 1, t from 0 to 10."""
SCALE = 1e-3
"""Of the diffusion: the unknown is in these units, near 1."""
FINER = 8
"""How many times finer than the grid the places of the solution are."""

_D = Derivatives("x", "t")
_BOTH = ((IDENTITY, 0), (IDENTITY, 1))


@PROBLEMS.register("kinetics_inverse")
@dataclass(frozen=True, kw_only=True)
class KineticsInverse(Problem):
    """Reaction and diffusion of two substances with unknown ``diffusion`` and ``reaction``, > 0.

    The fields of these names are the true values, ``rate`` is how much faster than the network the
    unknowns are trained.

    When to use: An identification with two equations and coefficients of different size. It needs
    ``data``.

    >>> sorted(KineticsInverse().unknowns)
    ['diffusion', 'reaction']
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "t")
    time_points: ClassVar[str] = "points_t"
    outputs: ClassVar[int] = 2
    linear: ClassVar[bool] = False

    points_x: int = 51
    """Points of the grid along x, both ends counted."""
    points_t: int = 51
    """Time levels of the grid, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    diffusion: float = 2.0
    """The true D."""
    reaction: float = 0.1
    """The true k."""
    start_diffusion: float = 1.0
    """Where the training of D begins."""
    start_reaction: float = 0.05
    """Where the training of k begins."""
    rate: float = 1.0
    """How much faster than the network the unknowns are trained."""

    def __post_init__(self) -> None:
        at_least(4, points_x=self.points_x, points_t=self.points_t)
        within(1e-2, 1e3, diffusion=self.diffusion, start_diffusion=self.start_diffusion)
        within(1e-3, 1e2, reaction=self.reaction, start_reaction=self.start_reaction)
        above(0, rate=self.rate)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        inside = (self.points_x - 2) * (self.points_t - 1)
        return inside, self.points_x * self.points_t - inside

    @property
    def components(self) -> tuple[str, ...]:
        """Both concentrations."""
        return ("a", "b")

    @property
    def domain(self) -> Box:
        """The interval from 0 to 1, t from 0 to 10."""
        return STRIP

    @property
    def unknowns(self) -> Unknowns:
        """The rates D and k."""
        return {
            "diffusion": Unknown(self.start_diffusion, True, self.rate, self.diffusion),
            "reaction": Unknown(self.start_reaction, True, self.rate, self.reaction),
        }

    @cached_property
    def conditions(self) -> Conditions:
        """Both concentrations at the start, and at the two ends."""
        start = Segment((STRIP.face(1, 0.0),), started)
        ends = tuple(Segment((STRIP.face(0, end),), held) for end in (0.0, 1.0))
        return {"initial": Condition((start,), _BOTH), "boundary": Condition(ends, _BOTH)}

    @cached_property
    def hard(self) -> Hard | None:
        """None."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The derivatives by t, and by x twice in the units of the unknown."""
        return (_D.t, SCALE * _D.xx)

    def residual(
        self,
        channels: Float[Tensor, "m c n 2"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 2"]:
        """What is left of both equations."""
        diffusion, reaction = (self.unknown(channels, name)[..., 0] for name in self.unknowns)
        (a, b), (a_t, b_t), (a_xx, b_xx) = (channels[:, c].unbind(-1) for c in range(3))
        consumed = reaction * a * b * b
        return torch.stack(
            [a_t - diffusion * a_xx + consumed, b_t - diffusion * b_xx + 2.0 * consumed], dim=-1
        )

    def grid(self) -> Grid:
        """Equally spaced points with the solution of the true rates."""
        return _grid(self.points_x, self.points_t, self.diffusion, self.reaction)


def started(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    """The concentrations at t = 0."""
    return np.repeat(np.exp(-20.0 * points[:, :1]), 2, axis=1)


def held(points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    """The concentrations at the ends: 1 and 0."""
    return np.repeat(1.0 - points[:, :1], 2, axis=1)


@lru_cache(maxsize=4)
def _grid(points_x: int, points_t: int, diffusion: float, reaction: float) -> Grid:
    problem = KineticsInverse(points_x=points_x, points_t=points_t)
    x = np.linspace(0.0, 1.0, FINER * (points_x - 1) + 1)
    start = np.exp(-20.0 * np.stack([x, x]))
    start[:, -1] = 0.0  # the end is held there; the start is 2e-9
    times = np.linspace(0.0, 10.0, points_t)
    table = react_and_diffuse(start, SCALE * diffusion, reaction, times)[:, ::FINER]

    def solution(_: ndarray) -> ndarray:
        return table.reshape(2, -1).T

    return lattice(STRIP, problem.conditions, (points_x, points_t), solution)
