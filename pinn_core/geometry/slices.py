"""Points of the unit square as points of a shape, shares of the square as shares of the shape.

A shape is cut by vertical lines. Its area left of x is, by Green's theorem, a sum over the pieces
of its boundary in closed form; x is where that is the wanted share of the whole, and y the wanted
share of the length that the vertical line has inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.geometry.curves import Arc, Curve, Line

NODES = 64
"""Per strip between two corners, where the search for x starts from a table."""
REFINEMENTS = 3
"""Steps of Newton's method, or halvings where it leaves its bracket: 1e-11 of the area is left."""


@dataclass(frozen=True)
class _Piece:
    """A piece of the boundary over low <= x <= high; ``sign`` 1 has the shape below it, -1 above.

    y is a + b x for a straight one (``radius`` 0), else that of the upper (1) or lower (-1)
    ``half`` of a circle around (``x``, ``a``).
    """

    low: float
    high: float
    sign: float
    a: float
    b: float = 0.0
    x: float = 0.0
    radius: float = 0.0
    half: float = 0.0

    def height(self, x: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """The piece's y."""
        if not self.radius:
            return self.a + self.b * x
        away = np.clip(x - self.x, -self.radius, self.radius)
        return self.a + self.half * np.sqrt(self.radius**2 - away**2)

    def under(self, x: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """An integral of y over x."""
        if not self.radius:
            return x * (self.a + self.b * x / 2)
        away = np.clip((x - self.x) / self.radius, -1.0, 1.0)
        segment = away * np.sqrt(1 - away**2) + np.arcsin(away)
        return self.a * x + self.half * self.radius**2 / 2 * segment


class Slices:
    """A shape by its boundary's curves, which are closed."""

    def __init__(self, curves: Sequence[Curve], tolerance: float) -> None:
        whole = [piece for curve in curves for piece in curve.monotone]
        ends = np.unique([x for piece in whole for x, _ in (piece.start, piece.end)])
        apart = np.diff(ends, prepend=-np.inf) > tolerance
        self._corners = ends[apart]  # ends that differ by rounding alone are one
        self._pieces = [
            made for piece in whole for made in [self._piece(piece)] if made.low < made.high
        ]

    @cached_property
    def area(self) -> float:
        """The shape's area."""
        return float(self._area_left_of(self._corners[-1:])[0])

    def at(self, unit: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
        """Points of the shape."""
        x = self._where(unit[:, 0] * self.area)
        heights = self._heights(x)
        lengths = np.nan_to_num(heights[1::2] - heights[::2])  # of every part inside, upwards
        done = np.cumsum(lengths, axis=0)
        wanted = unit[:, 1] * done[-1]
        last = np.isfinite(heights[1::2]).sum(axis=0) - 1
        part = np.minimum((done <= wanted).sum(axis=0), last)
        here = np.arange(len(x))
        y = heights[2 * part, here] + wanted - (done - lengths)[part, here]
        return np.stack([x, np.clip(y, heights[2 * part, here], heights[2 * part + 1, here])], 1)

    def _piece(self, curve: Curve) -> _Piece:
        (x0, y0), (x1, y1) = curve.start, curve.end
        first, last = (self._corner(x) for x in (x0, x1))
        low, high = sorted((first, last))
        sign = 1.0 if last < first else -1.0  # leftwards: the inside is below
        if isinstance(curve, Line):
            slope = (y1 - y0) / (x1 - x0) if low < high else 0.0
            return _Piece(low, high, sign, y0 - slope * x0, slope)
        assert isinstance(curve, Arc)
        x, y = curve.centre
        half = 1.0 if np.sin(curve.first + curve.turn / 2) > 0 else -1.0
        return _Piece(low, high, sign, y, 0.0, x, curve.radius, half)

    def _corner(self, x: float) -> float:
        return float(self._corners[np.searchsorted(self._corners, x, side="right") - 1])

    def _area_left_of(self, x: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        total = np.zeros_like(x)
        for piece in self._pieces:
            until = np.clip(x, piece.low, piece.high)
            total += piece.sign * (piece.under(until) - piece.under(np.array([piece.low])))
        return total

    def _heights(self, x: Float[ndarray, " n"]) -> Float[ndarray, "c n"]:
        """The y at which vertical lines cross the boundary, upwards; NaN for those they do not."""
        rows = [
            np.where((piece.low <= x) & (x < piece.high), piece.height(x), np.nan)
            for piece in self._pieces
        ]
        rows += [np.full_like(x, np.nan)] * (len(rows) % 2)
        return np.sort(rows, axis=0)

    def _length(self, x: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        total = np.zeros_like(x)
        for piece in self._pieces:
            total += np.where(
                (piece.low <= x) & (x < piece.high), piece.sign * piece.height(x), 0.0
            )
        return total

    @cached_property
    def _table(self) -> tuple[ndarray, ndarray]:
        """Some x, denser towards the corners, and the areas left of them."""
        shares = (1 - np.cos(np.linspace(0, np.pi, NODES + 1)[:-1])) / 2
        first, width = self._corners[:-1, None], np.diff(self._corners)[:, None]
        nodes = np.append((first + shares * width).ravel(), self._corners[-1])
        return nodes, np.maximum.accumulate(self._area_left_of(nodes))

    def _where(self, areas: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """The x left of which the shape has these areas."""
        nodes, known = self._table
        place = np.clip(np.searchsorted(known, areas, side="right") - 1, 0, len(nodes) - 2)
        low, high = nodes[place], nodes[place + 1]
        with np.errstate(all="ignore"):
            share = (areas - known[place]) / (known[place + 1] - known[place])
        x = low + np.nan_to_num(np.clip(share, 0.0, 1.0)) * (high - low)
        for _ in range(REFINEMENTS):
            over = self._area_left_of(x) - areas
            low, high = np.where(over < 0, x, low), np.where(over < 0, high, x)
            with np.errstate(all="ignore"):
                guess = x - over / self._length(x)
            x = np.where((guess >= low) & (guess <= high), guess, (low + high) / 2)
        return np.asarray(np.clip(x, nodes[0], np.nextafter(nodes[-1], -np.inf)))
