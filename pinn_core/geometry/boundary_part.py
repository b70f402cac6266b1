"""Parts of a shape's boundary."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pinn_core.geometry.curves import Curve, distance
from pinn_core.geometry.over import Over
from pinn_core.geometry.region import TOLERANCE, Timeless


@dataclass(frozen=True)
class BoundaryPart(Timeless):
    """Pieces of a boundary, each with the shape at its left; a region by arc length."""

    curves: tuple[Curve, ...]

    @cached_property
    def low(self) -> tuple[float, float]:
        """The least coordinates of its points."""
        x, y = self._corners.min(axis=0).tolist()
        return x, y

    @cached_property
    def high(self) -> tuple[float, float]:
        """The greatest coordinates of its points."""
        x, y = self._corners.max(axis=0).tolist()
        return x, y

    @property
    def extent(self) -> Float[ndarray, " 2"]:
        """Length along both axes."""
        return np.subtract(self.high, self.low)

    @cached_property
    def measure(self) -> float:
        """The length."""
        return float(sum(curve.length for curve in self.curves))

    def holds(self, points: Float[ndarray, "n 2"], slack: float = 0.0) -> Bool[ndarray, " n"]:
        """Which points lie on it up to rounding, or ``slack`` of its length beside it."""
        away = self._distances(points).min(axis=0)
        return np.asarray(away <= (TOLERANCE + slack) * self.measure)

    def at(self, unit: Float[ndarray, "*n 2"]) -> Float[ndarray, "*n 2"]:
        """Points at the shares ``unit[..., 0]`` of the length."""
        lengths = np.array([curve.length for curve in self.curves])
        ends = np.cumsum(lengths)
        along = unit[..., 0] * ends[-1]
        chosen = np.minimum(np.searchsorted(ends, along, side="right"), len(ends) - 1)
        share = (along - (ends - lengths)[chosen]) / lengths[chosen]
        points = np.empty(unit.shape)
        for place, curve in enumerate(self.curves):
            own = chosen == place
            points[own] = curve.at(share[own])
        return points

    def normals(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
        """Unit vectors out of the shape, at points of the part; at a corner, those of one edge."""
        nearest = self._distances(points).argmin(axis=0)
        found = np.empty(points.shape)
        for place, curve in enumerate(self.curves):
            own = nearest == place
            found[own] = curve.normals(curve.nearest(points[own]))
        return found

    def over(self, start: float, end: float) -> Over:
        """The part over a time, which is the last coordinate."""
        return Over(self, start, end)

    def spaced(self, spacing: Sequence[float]) -> Float[ndarray, "n 2"]:
        """Points equally spaced by arc length on each piece, by about the mean of ``spacing``.

        Every piece has its start and not its end, where the next piece of a boundary starts.
        """
        step = float(np.mean(spacing))
        counts = [max(1, round(curve.length / step)) for curve in self.curves]
        return np.concatenate(
            [
                curve.at(np.arange(count) / count)
                for curve, count in zip(self.curves, counts, strict=True)
            ]
        )

    @property
    def _corners(self) -> Float[ndarray, "n 2"]:
        return np.array([point for curve in self.curves for point in curve.bounds])

    def _distances(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "c n"]:
        return np.stack([distance(curve, points) for curve in self.curves])
