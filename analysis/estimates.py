"""A number over seeds with its 95 % interval and its test against a limit.

One method belongs to each statistic. They were chosen with `python -m benchmarks.calibration`, each
by the distribution on which it does worst, before any study was looked at; `docs/benchmarks.md`
has the table:

- `median` of one sample: order statistics and the sign test (no assumption on the distribution)
- `mean_of_differences` of pairs: Student's t
- `difference_of_means` of two samples: Welch's t
- `ratio` of the geometric means of two samples: Welch's t of the logarithms
- `paired_ratio`: signed ranks of the logarithms (Hodges and Lehmann's estimate)

Ratios of lengths that are lower bounds are in `analysis.censored`.

Interval and test belong together: a limit lies outside the interval where its two-sided p-value is
below 5 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import exp, inf, log, sqrt

import numpy as np
import numpy.typing as npt
from scipy import special

LEVEL = 0.05
SEEDS = 5
"""The fewest seeds of which an interval is shown and a limit is decided."""
SHORTFALL = 0.0325
"""The tail that the range of all values may leave: five seeds give 93.5 % instead of 95 %."""
FAR = 1e4
"""What stands for an infinite logarithm, so that one of each sign has the mean 0."""

Interval = tuple[float, float]
Values = npt.NDArray[np.float64]
Tails = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A number, its 95 % interval, and its test.

    `tails` gives for a limit the one-sided p-values for "the true number is above it" and "is below
    it". `seeds` is the size of the smaller sample. `bound` tells that `number` is "at least" or "at
    most" this, or "unknown" of both sides.
    """

    number: float
    span: Interval | None
    tails: Callable[[float], Tails]
    seeds: int
    bound: str = ""

    @property
    def interval(self) -> Interval | None:
        """The interval where it is to be shown; None below SEEDS and where there is none."""
        return self.span if self.seeds >= SEEDS else None

    def p(self, limit: float) -> float:
        """The two-sided p-value of the hypothesis that the true number is the limit."""
        return min(1.0, 2 * min(self.tails(limit)))


def median(values: Iterable[float]) -> Estimate:
    """The median of a sample, infinite values included."""
    ordered = np.sort(_array(values))
    return _by_counts(ordered, _binomial(len(ordered)), len(ordered))


def mean_of_differences(one: Iterable[float], other: Iterable[float]) -> Estimate:
    """The mean over pairs of the first minus the second value."""
    differences = _array(one) - _array(other)
    count = len(differences)
    error = differences.std(ddof=1) / sqrt(count) if count > 1 else inf
    return _by_t(float(differences.mean()), float(error), max(1, count - 1), count)


def difference_of_means(
    one: Iterable[float], other: Iterable[float], shared: float = 0.0
) -> Estimate:
    """The mean of the first sample minus that of the second.

    `shared` is a standard error that the spread of the samples does not show.
    """
    samples = _array(one), _array(other)
    fewest = min(map(len, samples))
    number = float(samples[0].mean() - samples[1].mean())
    if fewest < 2:
        return _by_t(number, inf, 1, fewest)
    parts = [float(sample.var(ddof=1)) / len(sample) for sample in samples]
    error = sum(parts) + shared**2
    squares = sum(part**2 / (len(sample) - 1) for part, sample in zip(parts, samples, strict=True))
    return _by_t(number, sqrt(error), error**2 / squares if squares else 1.0, fewest)


def ratio(one: Iterable[float], other: Iterable[float], shared: float = 0.0) -> Estimate:
    """The geometric mean of the first sample over that of the second; all values positive.

    `shared` is a relative standard error that the spread of the samples does not show.
    """
    return _of_logarithms(difference_of_means(np.log(_array(one)), np.log(_array(other)), shared))


def paired_ratio(one: Iterable[float], other: Iterable[float]) -> Estimate:
    """The ratio of the first to the second value over pairs.

    It is the median of the geometric means of any two pairs' ratios. A value may be infinite or
    zero; the ratio of two such is 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.nan_to_num(
            np.log(_array(one)) - np.log(_array(other)), nan=0.0, posinf=FAR, neginf=-FAR
        )
    return _of_logarithms(pseudomedian(logarithms))


def pseudomedian(values: Iterable[float]) -> Estimate:
    """The median of the means of any two values (Hodges and Lehmann), by signed ranks."""
    sample = _array(values)
    first, second = _any_two(len(sample))
    means = np.sort((sample[first] + sample[second]) / 2)
    return _by_counts(means, _signed_ranks(len(sample)), len(sample))


def _array(values: Iterable[float]) -> Values:
    return np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)


def _by_t(number: float, error: float, freedom: float, seeds: int) -> Estimate:
    """A number whose deviation over its standard error follows Student's t."""
    reach = float(special.stdtrit(freedom, 1 - LEVEL / 2)) * error

    def tails(limit: float) -> Tails:
        if error == 0:
            return (float(number <= limit), float(number >= limit))
        above = float(special.stdtr(freedom, (limit - number) / error))
        return above, 1 - above

    return Estimate(number, (number - reach, number + reach), tails, seeds)


def _by_counts(ordered: Values, below: Values, seeds: int) -> Estimate:
    """The median of sorted values of which the number above the true one has a known distribution.

    `below[k]` is the probability that at most k of them are above it.
    """
    place = int(np.searchsorted(below, LEVEL / 2, side="right"))
    if place == 0 and below[0] <= SHORTFALL:
        place = 1
    span = (float(ordered[place - 1]), float(ordered[-place])) if place else None

    def tails(limit: float) -> Tails:
        above, not_below = int((ordered > limit).sum()), int((ordered >= limit).sum())
        return (1 - float(below[above - 1]) if above else 1.0), float(below[not_below])

    return Estimate(float(np.median(ordered)), span, tails, seeds)


@cache
def _any_two(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return np.triu_indices(count)


@cache
def _binomial(count: int) -> Values:
    return np.asarray(special.bdtr(np.arange(count + 1), count, 0.5), dtype=np.float64)


@cache
def _signed_ranks(count: int) -> Values:
    """The distribution of Wilcoxon's signed-rank statistic: how many means are above zero."""
    ways = np.ones(1)
    for rank in range(1, count + 1):
        ways = np.convolve(ways, np.concatenate([[0.5], np.zeros(rank - 1), [0.5]]))
    return ways.cumsum()


def _of_logarithms(estimate: Estimate) -> Estimate:
    """The estimate of a ratio from that of its logarithm."""
    span = estimate.span
    return Estimate(
        number=_exponential(estimate.number),
        span=(_exponential(span[0]), _exponential(span[1])) if span else None,
        tails=lambda limit: estimate.tails(log(limit)),
        seeds=estimate.seeds,
    )


def _exponential(value: float) -> float:
    return exp(value) if value < 700 else inf
