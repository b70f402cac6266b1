"""Lengths of which some are lower bounds: a plateau that a run never left, a level never reached.

Medians are Kaplan and Meier's. Two models are compared by the order statistics of their medians, a
bound being any length from itself on: that holds for all distributions and all reasons that ended
runs. (Tests of whole distributions, log-rank and the generalised Wilcoxon test, take unequal
spreads for unequal medians: see `python -m benchmarks.calibration`.)
"""

from __future__ import annotations

from math import inf, nan
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.estimates import Estimate, Interval, Values, median
from analysis.wording import number


class Median(NamedTuple):
    """A median length; `at_least` where so many are bounds that it is known from below only."""

    value: float
    at_least: bool

    def __str__(self) -> str:
        return f"≥ {number(self.value)}" if self.at_least else number(self.value)


class Lengths(NamedTuple):
    """Lengths, and which of them are lower bounds."""

    values: Values
    censored: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, values: pd.Series[float], censored: pd.Series[Any]) -> Lengths:
        """From columns of a table; a run without a length is left out."""
        known = values.notna()
        return cls(
            np.asarray(values[known], dtype=np.float64), np.asarray(censored[known], dtype=bool)
        )

    def median(self) -> Median:
        """Kaplan and Meier's: where at most half would still go on; the middle of a flat half."""
        if not len(self.values):
            return Median(nan, at_least=False)
        share, half = 1.0, nan
        for time in np.unique(self.values[~self.censored]):
            if half == half:
                return Median((half + float(time)) / 2, at_least=False)
            ended = ((self.values == time) & ~self.censored).sum()
            share *= 1 - ended / (self.values >= time).sum()
            if share < 0.5 - 1e-9:
                return Median(float(time), at_least=False)
            if share < 0.5 + 1e-9:
                half = float(time)
        longest = float(self.values.max())
        return Median(longest if half != half else half, at_least=True)

    def span(self) -> Interval | None:
        """The interval of the median; its upper end may be infinite."""
        low, high = self.at_least().span, self.at_most().span
        return (low[0], high[1]) if low and high else None

    def at_least(self) -> Estimate:
        """The median if no run had gone on beyond its bound."""
        return median(self.values)

    def at_most(self) -> Estimate:
        """The median if the runs with bounds had never ended."""
        return median(np.where(self.censored, inf, self.values))


def ratio_of_lengths(one: Lengths, other: Lengths) -> Estimate:
    """The ratio of the medians as far as the bounds tell, with its interval and test.

    The ends of the interval are those of the medians' own, one over the other. A true ratio above a
    limit is as probable as the less probable of two: that the first median is above some length,
    and that the second, multiplied by the limit, is below it, for the length that separates best.
    """
    medians = one.median(), other.median()
    bounds = {(True, False): "at least", (False, True): "at most", (True, True): "unknown"}
    spans = one.span(), other.span()
    span = None
    if spans[0] and spans[1]:
        span = _over(spans[0][0], spans[1][1]), _over(spans[0][1], spans[1][0])
    return Estimate(
        number=_over(medians[0].value, medians[1].value),
        span=span,
        tails=lambda limit: (_longer(one, other, limit), _longer(other, one, 1 / limit)),
        seeds=min(len(one.values), len(other.values)),
        bound=bounds.get((medians[0].at_least, medians[1].at_least), ""),
    )


def _over(length: float, other: float) -> float:
    return length / other if other else inf


def _longer(one: Lengths, other: Lengths, limit: float) -> float:
    """The one-sided p-value for the first median being above the second times the limit."""
    ordered = np.unique(np.concatenate([one.values, other.values * limit]))
    first, second = one.at_least(), other.at_most()
    return min(
        (
            max(first.tails(length)[0], second.tails(length / limit)[1])
            for length in (ordered[:-1] + ordered[1:]) / 2
        ),
        default=1.0,
    )
