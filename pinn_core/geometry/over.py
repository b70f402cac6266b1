"""Shapes and parts of their boundaries over a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union, cast

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

if TYPE_CHECKING:
    from pinn_core.geometry.boundary_part import BoundaryPart
    from pinn_core.geometry.shape import Shape


@dataclass(frozen=True)
class Over:
    """A shape, or a part of its boundary, from ``start`` to ``end``; time is the last coordinate.

    >>> from pinn_core.geometry import Disc
    >>> wall = Disc().over(0.0, 2.0).part("circle")
    >>> wall.low, wall.high
    ((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0))
    """

    base: Union["Shape", "BoundaryPart"]
    start: float
    end: float

    @property
    def low(self) -> tuple[float, ...]:
        """The least coordinates of its points."""
        return (*self.base.low, self.start)

    @property
    def high(self) -> tuple[float, ...]:
        """The greatest coordinates of its points."""
        return (*self.base.high, self.end)

    @property
    def extent(self) -> Float[ndarray, " d"]:
        """Length along every axis."""
        return np.subtract(self.high, self.low)

    @property
    def measure(self) -> float:
        """Area or length times the time, or as it is at one time."""
        return self.base.measure * (self.end - self.start or 1.0)

    @property
    def boundary(self) -> "Over":
        """All of the shape's boundary, over the time."""
        return Over(cast("Shape", self.base).boundary, self.start, self.end)

    def part(self, *names: str) -> "Over":
        """The parts of the shape's boundary with these names, over the time."""
        return Over(cast("Shape", self.base).part(*names), self.start, self.end)

    def moment(self, time: float) -> "Over":
        """The same at one time: where a solution starts."""
        return self.cut(len(self.low) - 1, time, time)

    def holds(self, points: Float[ndarray, "n d"], slack: float = 0.0) -> Bool[ndarray, " n"]:
        """Which points lie in it, up to rounding in space and ``slack``."""
        time, wider = points[:, -1], slack * (self.end - self.start)
        during = (time >= self.start - wider) & (time <= self.end + wider)
        return self.base.holds(points[:, :-1], slack) & during

    def at(self, unit: Float[ndarray, "*n d"]) -> Float[ndarray, "*n d"]:
        """Points of the unit cube as points of it."""
        time = self.start + unit[..., -1:] * (self.end - self.start)
        return np.concatenate([self.base.at(unit[..., :-1]), time], axis=-1)

    def normals(self, points: Float[ndarray, "n d"]) -> Float[ndarray, "n s"]:
        """The boundary's unit vectors out of the shape, in space."""
        return cast("BoundaryPart", self.base).normals(points[:, :-1])

    def spaced(self, spacing: Sequence[float]) -> Float[ndarray, "n d"]:
        """Equally spaced points, the first and the last time among them."""
        places = self.base.spaced(spacing[:-1])
        times = np.linspace(self.start, self.end, 1 + round((self.end - self.start) / spacing[-1]))
        return np.column_stack([np.repeat(places, len(times), axis=0), np.tile(times, len(places))])

    def cut(self, axis: int, low: float, high: float) -> "Over":
        """The part of it between two times."""
        if axis != len(self.low) - 1:
            raise ValueError(f"a shape is cut along its time alone, its last coordinate: {self}")
        return Over(self.base, low, high)
