"""The Fisher-KPP equation u_t = D u_xx + r u (1 - u) for x and t from 0 to 1, with closed ends.

A population spreads at the speed 2 sqrt(r D) (Fisher 1937; Kolmogorov, Petrovsky, Piskunov 1937).
No solution is known here: the runs are judged by their losses alone.
"""

from dataclasses import dataclass

import numpy as np

import pinn_sweeps as ps

SQUARE = ps.Box((0.0, 0.0), (1.0, 1.0))
D = ps.Derivatives("x", "t")


@ps.PROBLEMS.register("fisher_kpp_unsolved")
@dataclass(frozen=True, kw_only=True)
class FisherKpp(ps.Problem):
    """Growth at the rate ``rate`` and diffusion from a bump near one end."""

    coordinates = ("x", "t")
    time_points = "points_t"
    reference = "none"

    points_x: int = 41
    points_t: int = 41
    diffusion: float = 0.005
    rate: float = 8.0

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
        return ps.lattice(SQUARE, self.conditions, (self.points_x, self.points_t))


def bump(points):
    return np.exp(-(((points[:, :1] - 0.25) / 0.1) ** 2))
