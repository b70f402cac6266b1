"""How a field is drawn: as a curve, as an image on a lattice, or over triangles between points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.tri import Triangulation
from numpy import ndarray

from analysis.wording import number
from pinn_core.records.fields import Fields

TIME = "t"
FEWEST_FILLED = 0.25  # part of a lattice's places that points fill, to be drawn as an image
MOST_LEVELS = 8  # values of a third coordinate that are slices
LONGEST = 3.0  # edge of a triangle inside the domain, in median edges
QUANTILE = 0.995  # of the absolute value, where the colours of errors and residuals end
VALUES, SIGNED = "viridis", "RdBu_r"


@dataclass(frozen=True)
class Scale:
    """What a field's colours or a curve's axis stand for."""

    low: float
    high: float
    colours: str

    @classmethod
    def of_values(cls, values: ndarray) -> Scale:
        """From the least to the largest that is known."""
        known = values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        room = 0.0 if high > low else 0.5 * max(abs(high), 1e-12)
        return cls(low - room, high + room, VALUES)

    @classmethod
    def around_zero(cls, values: ndarray, *, whole: bool) -> Scale:
        """Equally far to both sides; unless ``whole``, the few largest values lie outside."""
        known = np.abs(values[np.isfinite(values)])
        high = float(np.quantile(known, 1.0 if whole else QUANTILE)) if known.size else 0.0
        return cls(-(high or 1e-12), high or 1e-12, SIGNED)

    def beyond(self, values: ndarray) -> Literal["neither", "both", "min", "max"]:
        """On which sides values lie outside, as matplotlib's bars of colours say it."""
        known = values[np.isfinite(values)]
        below, above = bool((known < self.low).any()), bool((known > self.high).any())
        if below and above:
            return "both"
        return "min" if below else "max" if above else "neither"


@dataclass(frozen=True)
class View:
    """Some points of a field, in one coordinate or in two, with the coordinates' names.

    ``rows`` are their places among the field's points; ``words`` say what they have in common.
    """

    rows: ndarray
    points: ndarray
    names: tuple[str, ...]
    words: str = ""

    @property
    def is_curve(self) -> bool:
        """Whether there is one coordinate alone."""
        return len(self.names) == 1

    def shape(self, axes: Axes) -> None:
        """Lengths along two coordinates of space are equally long, and no grid lies on an image."""
        axes.grid(visible=self.is_curve)
        if not self.is_curve:
            axes.set_aspect("auto" if TIME in self.names else "equal")

    def draw(self, axes: Axes, field: ndarray, scale: Scale) -> ScalarMappable | None:
        """Draw a field over two coordinates; None where no value is known."""
        values = field[self.rows]
        known = np.isfinite(values)
        if not known.any():
            return None
        norm = Normalize(scale.low, scale.high)
        x, y = self.points[known].T
        lattice = [np.unique(along) for along in self.points.T]
        if len(self.points) >= FEWEST_FILLED * len(lattice[0]) * len(lattice[1]):
            table = np.full((len(lattice[1]), len(lattice[0])), np.nan)
            table[np.searchsorted(lattice[1], y), np.searchsorted(lattice[0], x)] = values[known]
            return axes.pcolormesh(
                *lattice, table, shading="nearest", rasterized=True, cmap=scale.colours, norm=norm
            )
        mesh: ScalarMappable = axes.tripcolor(
            _triangles(x, y),
            values[known],
            shading="gouraud",
            rasterized=True,
            cmap=scale.colours,
            norm=norm,
        )
        return mesh


def _triangles(x: ndarray, y: ndarray) -> Triangulation:
    """Those between neighbouring points: long ones lie outside the domain."""
    found = Triangulation(x, y)
    corners = np.stack([x, y], axis=1)[found.triangles]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    found.set_mask(edges.max(axis=1) > LONGEST * np.median(edges))
    return found


def views(fields: Fields) -> list[View]:
    """The pictures that show a field: one, or a slice for each value of time or a last coordinate.

    None of more than three coordinates, nor where points in three lie on no slices. Time is the
    horizontal axis.
    """
    points, names = fields.points, fields.coordinates
    every = np.arange(len(points))
    if len(names) <= 2:
        order = sorted(range(len(names)), key=lambda axis: names[axis] != TIME)
        return [View(every, points[:, order], tuple(names[axis] for axis in order))]
    return list(_slices(points, names)) if len(names) == 3 else []


def _slices(points: ndarray, names: tuple[str, ...]) -> Iterator[View]:
    axis = names.index(TIME) if TIME in names else 2
    levels = np.unique(points[:, axis])
    others = [other for other in range(3) if other != axis]
    for level in levels if len(levels) <= MOST_LEVELS else ():
        rows = np.flatnonzero(points[:, axis] == level)
        words = f"{names[axis]} = {number(float(level))}"
        yield View(rows, points[rows][:, others], tuple(names[other] for other in others), words)
