"""Where a curve changes: the row at which two straight lines, before and after, fit it best.

The window that the lines are fitted to is centred on the change itself, which takes a few turns:
then a curve that is moved by some rows has its change moved by as many. Read backwards, a curve has
the same change. (A causal average, as `analysis.plateau` takes it to find plateaus, would move
every change to later steps.) The lines need not meet: a step, a kink and a smooth rise are all
found in their middle. Nothing is smoothed before, since the lines average over all values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
EDGE = 0.1
"""The part of a window at either end in which no change is looked for: a line needs values."""
KNOWN = 0.5
"""The part of a window's values that must be known."""
STRAIGHT = 1e-10
"""A part of a curve's variance: what one line leaves of it, if not more, is rounding."""
TURNS = 6


def changes(curves: Values, reach: int) -> Values:
    """Of every row of curves the place of its change, counted in columns; NaN where it has none.

    The curves are (runs, columns) at equal distances, NaN where a value is not known. A change at
    3.5 lies between the columns 3 and 4. The window has `reach` columns on either side of its
    middle and begins in the middle of the curve; its middle stays where the whole window fits.

    >>> changes(np.array([[0.0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]]), 5)
    array([5.5])
    """
    columns = curves.shape[1]
    middle = np.full(len(curves), columns // 2)
    offsets = np.arange(-reach, reach + 1)
    found = np.full(len(curves), np.nan)
    for _ in range(TURNS):
        window = np.take_along_axis(curves, middle[:, None] + offsets, axis=1)
        found = middle - reach + _splits(window)
        at = np.where(np.isnan(found), middle, np.floor(found + 0.5)).astype(np.intp)
        moved = np.clip(at, reach, columns - 1 - reach)
        if (moved == middle).all():
            break
        middle = moved
    return found


def _splits(curves: Values) -> Values:
    """Of every row the split into two parts that two lines fit best."""
    known = np.isfinite(curves)
    place = np.linspace(-1.0, 1.0, curves.shape[1])
    counts = np.maximum(known.sum(axis=1, keepdims=True), 1)
    level = np.where(known, curves, 0.0).sum(axis=1, keepdims=True) / counts
    values = np.where(known, curves - level, 0.0)
    sums = np.stack([known, known * place, known * place**2, values, values * place, values**2])
    before = sums.cumsum(axis=2)
    whole = before[:, :, -1:]
    edge = max(3, round(EDGE * curves.shape[1]))
    first = before[:, :, edge - 1 : curves.shape[1] - edge]
    left = _left_by_a_line(first) + _left_by_a_line(whole - first)
    best = np.argmin(left, axis=1)
    bends = _left_by_a_line(whole)[:, 0] > STRAIGHT * whole[5, :, 0]
    judged = bends & (known.mean(axis=1) >= KNOWN) & np.isfinite(left.min(axis=1))
    return np.where(judged, best + edge - 0.5, np.nan)


def _left_by_a_line(sums: Values) -> Values:
    """The sum of squares that the best line leaves, from the six sums over its part."""
    count, x, xx, y, xy, yy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = xx - x**2 / count
        left: Values = yy - y**2 / count - (xy - x * y / count) ** 2 / spread
    return np.where((count >= 3) & (spread > 0), left, np.inf)
