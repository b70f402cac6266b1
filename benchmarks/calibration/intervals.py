"""How an interval is made of samples, by methods of the report and by methods it rejected.

An interval takes the samples and gives its ends, or None; one of many takes rows of samples and
gives arrays of ends.
"""

import warnings
from collections.abc import Callable
from functools import cache
from math import exp, sqrt
from typing import Any

import numpy as np
from scipy import stats

from analysis import estimates
from analysis.censored import Lengths, ratio_of_lengths
from analysis.effects import survival
from benchmarks.calibration.samples import Values

RESAMPLES = 1_000
Span = tuple[float, float]
Ends = tuple[Values, Values]


def bootstrap(method: str, statistic: Callable[..., Any], *samples: Values, paired: bool) -> Ends:
    """Scipy's bootstrap of a statistic of rows of samples, by one of its methods."""
    resample: Any = stats.bootstrap  # its types know no rows of samples
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = resample(
            samples,
            statistic,
            n_resamples=RESAMPLES,
            method=method,
            paired=paired,
            axis=-1,
            vectorized=True,
            rng=np.random.default_rng(0),
        ).confidence_interval
    return found.low, found.high


def bca(statistic: Callable[..., Any], *, paired: bool = False) -> Callable[..., Ends]:
    """By percentiles where it is not defined, as in version 0.1.0."""

    def ends(*samples: Values) -> Ends:
        low, high = bootstrap("BCa", statistic, *samples, paired=paired)
        undefined = ~np.isfinite(low + high)
        if undefined.any():
            of_these = [sample[undefined] for sample in samples]
            low[undefined], high[undefined] = bootstrap(
                "percentile", statistic, *of_these, paired=paired
            )
        return low, high

    return ends


def bootstrap_t(rows: Values) -> Ends:
    """Quantiles of the resampled t in the place of Student's."""
    count = rows.shape[-1]
    drawn = rows[:, np.random.default_rng(0).integers(0, count, (RESAMPLES, count))]
    error = drawn.std(axis=-1, ddof=1)
    with np.errstate(all="ignore"):
        t = (drawn.mean(axis=-1) - rows.mean(axis=-1, keepdims=True)) / error
    low, high = np.nanquantile(np.where(error > 0, t, np.nan), [0.025, 0.975], axis=-1)
    error = rows.std(axis=-1, ddof=1)
    return rows.mean(axis=-1) - high * error, rows.mean(axis=-1) - low * error


def ratio_of_medians(one: Any, other: Any, axis: int = -1) -> Any:  # noqa: ANN401
    """The statistic that version 0.1.0 gave of two samples."""
    return np.median(one, axis=axis) / np.median(other, axis=axis)


def difference_of_medians(one: Any, other: Any, axis: int = -1) -> Any:  # noqa: ANN401
    """The same as a difference."""
    return np.median(one, axis=axis) - np.median(other, axis=axis)


@cache
def _rank_sums(seeds: int) -> Values:
    """The distribution of how many of the differences of two samples are above zero."""
    ways = np.zeros((seeds + 1, seeds * seeds + 1))
    ways[0, 0] = 1
    for rank in range(1, 2 * seeds + 1):
        for taken in range(min(rank, seeds), 0, -1):
            larger = rank - taken  # of the other sample, below this one
            if larger <= seeds:
                ways[taken, larger:] += ways[taken - 1, : ways.shape[1] - larger]
    return np.asarray(ways[seeds].cumsum() / ways[seeds].sum(), dtype=np.float64)


def shift(one: Values, other: Values) -> Span | None:
    """Hodges and Lehmann's shift, by Mann and Whitney's test."""
    differences = np.sort((one[:, None] - other).ravel())
    place = int(np.searchsorted(_rank_sums(len(one)), 0.025, side="right"))
    return (float(differences[place - 1]), float(differences[-place])) if place else None


def logarithms(interval: Callable[..., Span | None]) -> Callable[..., Span | None]:
    """The same interval of the samples' logarithms, as one of a ratio."""

    def of_ratio(one: Values, other: Values) -> Span | None:
        span = interval(np.log(one), np.log(other))
        return (exp(span[0]), exp(span[1])) if span else None

    return of_ratio


def of_report(estimate: Callable[..., estimates.Estimate]) -> Callable[..., Span | None]:
    """The interval of an estimate of the report, below its fewest seeds, too."""
    return lambda *samples: estimate(*samples).span


def _cut(one: Values, other: Values, end: Values) -> tuple[Lengths, Lengths]:
    cut = [Lengths(np.minimum(sample, end), sample >= end) for sample in (one, other)]
    return cut[0], cut[1]


def bounded_ratio(one: Values, other: Values, end: Values) -> Span | None:
    """The report's interval of a ratio of lengths, of which some are lower bounds."""
    return ratio_of_lengths(*_cut(one, other, end)).span


def lasting(test: Callable[[Lengths, Lengths], float]) -> Callable[..., Span]:
    """What a test of lengths says of the ratio 1, as an interval that holds it or does not.

    `test` gives the one-sided p-value for the first being longer.
    """

    def span(one: Values, other: Values, end: Values) -> Span:
        first, second = _cut(one, other, end)
        longer, shorter = test(first, second), test(second, first)
        return (2.0 if longer <= 0.025 else 0.0), (0.5 if shorter <= 0.025 else np.inf)

    return span


def no_effect(*samples: Values) -> Span:
    """What the report's log-rank test of several samples says, as an interval that holds 0 or not.

    The last of the samples is the step at which all runs end.
    """
    *groups, end = samples
    p = survival.log_rank([Lengths(np.minimum(of, end), of >= end) for of in groups])
    return (1.0, 2.0) if p is not None and p <= estimates.LEVEL else (-1.0, 1.0)


def log_rank(one: Lengths, other: Lengths) -> float:
    """One-sided p-value of the log-rank test."""
    first, second = (
        stats.CensoredData(uncensored=each.values[~each.censored], right=each.values[each.censored])
        for each in (one, other)
    )
    with np.errstate(all="ignore"):
        return float(stats.logrank(first, second, "greater").pvalue)


def generalised_wilcoxon(one: Lengths, other: Lengths) -> float:
    """Gehan (1965): every pair counts in which one is known to be the longer."""
    values = np.concatenate([one.values, other.values])
    censored = np.concatenate([one.censored, other.censored])
    column = values[:, None]
    shorter = (column < values) | ((column == values) & censored)
    shorter &= ~censored[:, None]  # a bound is never known to be the shorter one
    scores = shorter.sum(0) - shorter.sum(1)
    count, of_one = len(values), len(one.values)
    variance = of_one * (count - of_one) / (count * (count - 1)) * float((scores**2).sum())
    return float(stats.norm.sf(scores[:of_one].sum() / sqrt(variance))) if variance else 1.0


def as_if_ended(one: Lengths, other: Lengths) -> float:
    """Mann and Whitney's test, as if every lower bound were a length."""
    return float(stats.mannwhitneyu(one.values, other.values, alternative="greater").pvalue)
