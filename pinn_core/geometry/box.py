"""Boxes: intervals, rectangles and so on, their faces, edges and corners."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pinn_core.geometry.operations import Operations

if TYPE_CHECKING:
    from pinn_core.geometry.polygon import Polygon

SIDES = ("bottom", "right", "top", "left")
"""Names of a rectangle's sides."""


@dataclass(frozen=True)
class Box(Operations):
    """An axis-parallel box; an axis whose low equals its high is held: a face, an edge, a point.

    >>> Box((0.0, 0.0), (1.0, 2.0)).face(1, 0.0)
    Box(low=(0.0, 0.0), high=(1.0, 0.0))
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def extent(self) -> Float[ndarray, " d"]:
        """Length along every axis."""
        return np.subtract(self.high, self.low)

    @property
    def measure(self) -> float:
        """Length, area or volume of the axes that are not held."""
        extent = self.extent
        return float(np.prod(extent[extent > 0]))

    @property
    def shape(self) -> "Polygon":
        """The rectangle as a shape, with the sides ``bottom``, ``right``, ``top`` and ``left``.

        Raises ``ValueError`` for a box that has not two dimensions.
        """
        from pinn_core.geometry.polygon import Polygon

        if len(self.low) != 2:
            raise ValueError(f"shapes have two dimensions (time comes last, by over), found {self}")
        (left, bottom), (right, top) = self.low, self.high
        corners = ((left, bottom), (right, bottom), (right, top), (left, top))
        return Polygon(corners, SIDES)

    def face(self, axis: int, value: float) -> "Box":
        """The part of the box with one coordinate held."""
        return self.cut(axis, value, value)

    def cut(self, axis: int, low: float, high: float) -> "Box":
        """The part of the box between two values of a coordinate."""
        before, after = slice(axis), slice(axis + 1, None)
        return Box(
            (*self.low[before], low, *self.low[after]),
            (*self.high[before], high, *self.high[after]),
        )

    def over(self, start: float, end: float) -> "Box":
        """The box over a time, which is the last coordinate."""
        return Box((*self.low, start), (*self.high, end))

    def holds(self, points: Float[ndarray, "n d"], slack: float = 0.0) -> Bool[ndarray, " n"]:
        """Which points lie in the box, or outside by no more than ``slack`` of its extent."""
        wider = slack * self.extent
        within = (points >= self.low - wider) & (points <= self.high + wider)
        return np.asarray(within.all(axis=1))

    def at(self, unit: Float[ndarray, "*n d"]) -> Float[ndarray, "*n d"]:
        """Points of the unit cube as points of the box."""
        points: ndarray = np.asarray(self.low) + unit * self.extent
        return points

    def spaced(self, spacing: Sequence[float]) -> Float[ndarray, "n d"]:
        """Equally spaced points, both ends of every axis among them."""
        axes = [
            np.linspace(low, high, 1 + round((high - low) / step))
            for low, high, step in zip(self.low, self.high, spacing, strict=True)
        ]
        table: ndarray = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return table.reshape(-1, len(axes))
