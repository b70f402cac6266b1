"""Poisson's equation u_xx + u_yy = f in an L-shaped bracket with a bolt hole: a shape of one's own.

The outer edges are held, the hole has a given flux (Neumann), and both edges of the re-entrant
corner exchange heat with the air (Robin). The data are those of u = sin(pi x) cos(pi y), so that
errors can be measured.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch

import pinn_sweeps as ps

D = ps.Derivatives("x", "y")
LEGS = ps.Polygon(
    ((0, 0), (1, 0), (1, -1), (-1, -1), (-1, 1), (0, 1)),
    ("corner", "outer", "outer", "outer", "outer", "corner"),
)
BRACKET = LEGS - ps.Disc((-0.5, -0.5), 0.25, "hole")


@ps.PROBLEMS.register("bracket")
@dataclass(frozen=True, kw_only=True)
class Bracket(ps.Problem):
    """Poisson's equation on an L-shape with a hole; ``alpha`` is the exchange with the air."""

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y")
    linear: ClassVar[bool] = True
    reference: ClassVar[str] = "closed form"

    points_per_axis: int = 41
    alpha: float = 2.0

    @property
    def domain(self):
        return BRACKET

    @property
    def conditions(self):
        hole, corner = BRACKET.part("hole"), BRACKET.part("corner")

        def flux(points):  # of the hole
            return slope(hole, points)

        def exchange(points):
            return slope(corner, points) + self.alpha * solution(points)

        outer = ps.Segment((BRACKET.part("outer"),), solution)
        return {
            "outer": ps.Condition((outer,)),
            "hole": ps.neumann(hole, flux),
            "corner": ps.robin(corner, self.alpha, exchange),
        }

    @property
    def operators(self):
        return (D.xx + D.yy,)

    def residual(self, channels, points):
        x, y = torch.pi * points[..., :1], torch.pi * points[..., 1:]
        return channels[:, 1] + 2 * torch.pi**2 * x.sin() * y.cos()

    def grid(self):
        return _grid(self)


def solution(points):
    x, y = np.pi * points[:, :1], np.pi * points[:, 1:]
    return np.sin(x) * np.cos(y)


def slope(part, points):
    """The solution's derivative along the normals."""
    x, y = np.pi * points[:, :1], np.pi * points[:, 1:]
    gradient = np.pi * np.hstack([np.cos(x) * np.cos(y), -np.sin(x) * np.sin(y)])
    return (part.normals(points) * gradient).sum(axis=1, keepdims=True)


@lru_cache(maxsize=4)
def _grid(problem):
    counts = (problem.points_per_axis,) * 2
    return ps.clipped(BRACKET, problem.conditions, counts, solution)
