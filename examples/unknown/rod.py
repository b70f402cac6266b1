"""Newton's cooling of a rod: u_t = D u_xx - k u, of which the loss k to the air is to be found.

With closed ends and the start 1 + cos(pi x), u = exp(-k t) (1 + exp(-D pi^2 t) cos(pi x)); the run
is given the temperature at the left end.
"""

from dataclasses import dataclass

import numpy as np

import pinn_sweeps as ps

SQUARE = ps.Box((0.0, 0.0), (1.0, 1.0))
D = ps.Derivatives("x", "t")


@ps.PROBLEMS.register("cooling_rod")
@dataclass(frozen=True, kw_only=True)
class CoolingRod(ps.Problem):
    """A rod that loses heat at the unknown rate ``loss``, whose true value the field gives."""

    coordinates = ("x", "t")
    reference = "closed form"
    time_points = "points_t"

    points_x: int = 21
    points_t: int = 21
    diffusion: float = 0.1
    loss: float = 1.5
    start: float = 0.5

    @property
    def domain(self):
        return SQUARE

    @property
    def unknowns(self):
        return {"loss": ps.Unknown(self.start, positive=True, rate=3.0, true=self.loss)}

    @property
    def conditions(self):
        ends = tuple(ps.Segment((SQUARE.face(0, end),)) for end in (0.0, 1.0))
        return {
            "initial": ps.Condition((ps.Segment((SQUARE.face(1, 0.0),), self.temperature),)),
            "boundary": ps.Condition(ends, ((D.x, 0),)),  # no flux
            "sensor": ps.Condition((ps.Segment((SQUARE.face(0, 0.0),), self.temperature),)),
        }

    @property
    def operators(self):
        return (D.t - self.diffusion * D.xx,)

    def residual(self, channels, points):
        return channels[:, 1] + self.unknown(channels, "loss") * channels[:, 0]

    def temperature(self, points):
        x, t = points[:, :1], points[:, 1:]
        wave = np.exp(-self.diffusion * np.pi**2 * t) * np.cos(np.pi * x)
        return np.exp(-self.loss * t) * (1.0 + wave)

    def grid(self):
        counts = (self.points_x, self.points_t)
        return ps.lattice(SQUARE, self.conditions, counts, self.temperature)
