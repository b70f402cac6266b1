"""The Fisher-KPP equation u_t = D u_xx + r u (1 - u) for x and t from 0 to 1, with closed ends.

A population spreads at the speed 2 sqrt(r D) (Fisher 1937; Kolmogorov, Petrovsky, Piskunov 1937).
There is no closed form: the reference is the method of lines, on a mesh four times as fine.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy.integrate import solve_ivp

import pinn_sweeps as ps

SQUARE = ps.Box((0.0, 0.0), (1.0, 1.0))
D = ps.Derivatives("x", "t")
FINER = 4


@ps.PROBLEMS.register("fisher_kpp")
@dataclass(frozen=True, kw_only=True)
class FisherKpp(ps.Problem):
    """Growth at the rate ``rate`` and diffusion from a bump near one end."""

    coordinates: ClassVar[tuple[str, ...]] = ("x", "t")
    time_points: ClassVar[str] = "points_t"

    points_x: int = 41
    points_t: int = 41
    diffusion: float = 0.005
    rate: float = 8.0

    def __post_init__(self):
        if min(self.points_x, self.points_t) < 4:
            raise ValueError(f"points_x must be >= 4, found {self.points_x}")

    @property
    def domain(self):
        return SQUARE

    @property
    def conditions(self):
        start = ps.Segment((SQUARE.face(1, 0.0),), bump)
        ends = tuple(ps.Segment((SQUARE.face(0, end),)) for end in (0.0, 1.0))
        return {
            "initial": ps.Condition((start,)),
            "boundary": ps.Condition(ends, ((D.x, 0),)),  # no flux
        }

    @property
    def operators(self):
        return (D.t - self.diffusion * D.xx,)  # channel 1, after the value

    def residual(self, channels, points):
        u, linear = channels[:, 0], channels[:, 1]
        return linear - self.rate * u * (1.0 - u)

    def grid(self):
        return _grid(self)


def bump(points):
    return np.exp(-(((points[:, :1] - 0.25) / 0.1) ** 2))


@lru_cache(maxsize=4)
def _grid(problem):
    x = np.linspace(0.0, 1.0, FINER * (problem.points_x - 1) + 1)
    times = np.linspace(0.0, 1.0, problem.points_t)

    def slope(_, u):
        mirrored = np.concatenate([u[1:2], u, u[-2:-1]])
        bend = (mirrored[2:] - 2.0 * u + mirrored[:-2]) / x[1] ** 2
        return problem.diffusion * bend + problem.rate * u * (1.0 - u)

    start = bump(x[:, None])[:, 0]
    solved = solve_ivp(slope, (0.0, 1.0), start, "LSODA", times, rtol=1e-8, atol=1e-10)
    table = solved.y[::FINER].reshape(-1, 1)  # x by x, t varying fastest
    counts = (problem.points_x, problem.points_t)
    return ps.lattice(SQUARE, problem.conditions, counts, lambda _: table)
