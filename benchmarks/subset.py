"""The heat equation on few of its points, as small nets in small studies have them."""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from pinn_core import Heat
from pinn_core.engine.operators import Operator
from pinn_core.problems import Box, Conditions, Grid, Hard, Points, Problem
from pinn_core.randomness import generator

WHOLE = Heat()


@dataclass(frozen=True, kw_only=True)
class HeatSubset(Problem):
    """``interior`` and ``boundary`` points of the heat problem's grid, drawn once."""

    kind: ClassVar[str] = "heat-subset"
    coordinates: ClassVar[tuple[str, ...]] = Heat.coordinates
    outputs: ClassVar[int] = Heat.outputs
    linear: ClassVar[bool] = Heat.linear

    interior: int = 14_400
    boundary: int = 3_176
    interior_points: int | Literal["all"] = "all"

    @property
    def domain(self) -> Box:
        """That of the heat problem."""
        return WHOLE.domain

    @property
    def conditions(self) -> Conditions:
        """Those of the heat problem."""
        return WHOLE.conditions

    @property
    def hard(self) -> Hard | None:
        """None."""
        return WHOLE.hard

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The heat equation as one operator."""
        return WHOLE.operators

    def residual(self, channels: Tensor, points: Tensor) -> Tensor:
        """u_xx + u_yy - u_t."""
        return WHOLE.residual(channels, points)

    def grid(self) -> Grid:
        """The drawn points with all solutions."""
        return _drawn(self.interior, self.boundary)


@lru_cache(maxsize=8)
def _drawn(interior: int, boundary: int) -> Grid:
    grid = WHOLE.grid()
    return Grid(_some(grid.interior, interior), _some(grid.supervised, boundary))


def _some(points: Points, count: int) -> Points:
    whole = len(points.coordinates)
    rows = np.sort(generator(0, f"subset/{count}").choice(whole, count, replace=False))
    return Points(*(getattr(points, each.name)[rows] for each in fields(points)))
