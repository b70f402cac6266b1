"""What a region is: a set of points with a size, which can be drawn from uniformly."""

from collections.abc import Sequence
from typing import NoReturn, Protocol, runtime_checkable

from jaxtyping import Bool, Float
from numpy import ndarray

TOLERANCE = 1e-9
"""How far from a curved or slanted region a point may be that lies on it but for rounding, in parts
of the region's size."""


@runtime_checkable
class Region(Protocol):
    """A domain, a part of a boundary, or a domain at one time; points have d coordinates."""

    @property
    def low(self) -> tuple[float, ...]:
        """The least coordinates of its points."""

    @property
    def high(self) -> tuple[float, ...]:
        """The greatest coordinates of its points."""

    @property
    def extent(self) -> Float[ndarray, " d"]:
        """Length along every axis."""

    @property
    def measure(self) -> float:
        """Length, area or volume, of as many dimensions as it has."""

    def __hash__(self) -> int:
        """Regions are frozen data."""

    def holds(self, points: Float[ndarray, "n d"], slack: float = 0.0) -> Bool[ndarray, " n"]:
        """Which points lie in it, or as near as ``slack`` times its size; NaN does not."""

    def at(self, unit: Float[ndarray, "*n d"]) -> Float[ndarray, "*n d"]:
        """Points of the unit cube as points of the region: shares of the cube as shares of it.

        So what is uniform, a Latin hypercube or a sequence of low discrepancy there is such here.
        """

    def spaced(self, spacing: Sequence[float]) -> Float[ndarray, "n d"]:
        """Its points of an equally spaced grid, about ``spacing`` apart along every axis."""

    def cut(self, axis: int, low: float, high: float) -> "Region":
        """The part of it between two values of a coordinate, or at one if they are equal."""


class Timeless:
    """A region of the plane."""

    def cut(self, axis: int, low: float, high: float) -> NoReturn:
        """Refused: a shape and its boundary are cut along their time alone."""
        raise ValueError(f"cut from {low} to {high} along axis {axis}: {self} has no time")
