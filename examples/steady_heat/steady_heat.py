"""Laplace's equation on the unit square: two sides are held at 100, two are cooled."""

from dataclasses import dataclass

import numpy as np

import pinn_sweeps as ps

D, SQUARE = ps.Derivatives("x", "y"), ps.Box((0.0, 0.0), (1.0, 1.0))


def flat(value):
    return lambda points: np.full((len(points), 1), value)


WARM = tuple(ps.Segment((SQUARE.face(axis, 0.0),), flat(100.0)) for axis in (0, 1))
COLD_X, COLD_Y = (ps.Segment((SQUARE.face(axis, 1.0),), flat(-15.0)) for axis in (0, 1))
CONDITIONS = {
    "warm": ps.Condition(WARM),
    "cold_x": ps.Condition((COLD_X,), ((D.x, 0),)),
    "cold_y": ps.Condition((COLD_Y,), ((D.y, 0),)),
}


@ps.PROBLEMS.register("steady_heat")
@dataclass(frozen=True, kw_only=True)
class SteadyHeat(ps.Problem):
    """u = 100 at x = 0 and y = 0, and a slope of -15 along the normal at x = 1 and y = 1."""

    coordinates, linear, domain = ("x", "y"), True, SQUARE
    operators = (D.xx + D.yy,)
    conditions = CONDITIONS

    def residual(self, channels, points):
        return channels[:, 1]

    def exact(self, points):
        x, y = np.pi / 2 * points[:, :1], np.pi / 2 * points[:, 1:]
        u = np.full_like(x, 100.0)
        for n in range(1, 40, 2):
            waves = np.sinh(n * x) * np.sin(n * y) + np.sinh(n * y) * np.sin(n * x)
            u -= 120 / (n * np.pi) ** 2 / np.cosh(n * np.pi / 2) * waves
        return u

    def grid(self):
        return ps.lattice(SQUARE, self.conditions, (51, 51), self.exact)
