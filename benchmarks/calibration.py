"""Whether 95 % intervals cover 95 %: every method for every statistic of the report.

Samples are drawn from distributions whose true number is known; a verdict is false where the
interval lies wholly above or wholly below it. What the report uses is taken from
``analysis.estimates`` itself. Rows: statistic, method, used, distribution, seeds, coverage, above,
below, repetitions.
"""

import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import exp, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis import estimates
from analysis.censored import Lengths, ratio_of_lengths
from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, plain_log, saved, subplots

SEEDS = (3, 4, 5, 7, 10, 20, 50)
REPETITIONS = 5_000
REJECTED = 10
"""So many times fewer repetitions of what the report does not use: bootstraps take far longer."""
RESAMPLES = 1_000
CHUNK = 50  # rows that are bootstrapped together
GOAL = 0.935
SPREAD = 3.0
"""How many times wider one sample is than the other where the spreads are unequal."""
NORMAL, LOG_NORMAL, T3, UNEQUAL = "normal", "log-normal", "t3", "unequal spreads"
BEYOND = "log-normal, unequal spreads"
"""Measured, but no method was chosen by it: differences of skewed and unequal samples."""
STAYED = (0.1, 0.4)
"""Shares of lengths that are lower bounds."""

Values = npt.NDArray[np.float64]
Sample = tuple[Values, ...]
Random = np.random.Generator
Span = tuple[float, float]
Ends = tuple[Values, Values]


@dataclass(frozen=True)
class Statistic:
    """What is estimated: how its samples are drawn, and from which distributions."""

    name: str
    draw: Callable[[Random, str, int], Sample]
    distributions: tuple[str, ...] = (NORMAL, LOG_NORMAL, T3, UNEQUAL)


@dataclass(frozen=True)
class Method:
    """An interval for a statistic; `truth` gives the true number by distribution, if not 0.

    `interval` takes the samples and gives the ends, or None; of `many`, it takes rows of samples
    and gives arrays of ends.
    """

    statistic: Statistic
    name: str
    interval: Callable[..., Any]
    truth: dict[str, float]
    used: bool = False
    many: bool = False


def _noise(random: Random, distribution: str, size: int) -> Values:
    if distribution == T3:
        return random.standard_t(3, size)
    return random.standard_normal(size)


def _shaped(values: Values, distribution: str) -> Values:
    return np.exp(values) if distribution in (LOG_NORMAL, BEYOND) else values


def _one(random: Random, distribution: str, seeds: int) -> Sample:
    return (_shaped(_noise(random, distribution, seeds), distribution),)


def _two(random: Random, distribution: str, seeds: int) -> Sample:
    one, other = (_shaped(_noise(random, distribution, seeds), distribution) for _ in range(2))
    wide = SPREAD if distribution in (UNEQUAL, BEYOND) else 1.0
    return one, wide * other


def _two_positive(random: Random, distribution: str, seeds: int) -> Sample:
    one, other = (_noise(random, distribution, seeds) for _ in range(2))
    return _positive(one, distribution), _positive(other, distribution, 1 / SPREAD)


def _positive(values: Values, distribution: str, narrow: float = 1.0) -> Values:
    """Of median 1: the normal one with a spread of a fifth, the t3 one of the logarithms."""
    if distribution == NORMAL:
        return np.abs(1 + values / 5)
    return np.exp({UNEQUAL: narrow, T3: 0.5}.get(distribution, 1.0) * values)


def _pairs(random: Random, distribution: str, seeds: int) -> Sample:
    """Half of a value's variance is the seed's, which its partner shares."""
    shared = random.standard_normal(seeds)
    one, other = (_noise(random, distribution, seeds) for _ in range(2))
    wide = SPREAD if distribution == UNEQUAL else 1.0
    pair = (shared + one) / sqrt(2), (shared + wide * other) / sqrt(2)
    if distribution == BEYOND:  # the difference itself is log-normal
        return shared + np.exp(one), shared
    return _shaped(pair[0], distribution), _shaped(pair[1], distribution)


def _positive_pairs(random: Random, distribution: str, seeds: int) -> Sample:
    shared = random.standard_normal(seeds)
    one, other = (_noise(random, distribution, seeds) for _ in range(2))
    narrow = 1 / SPREAD if distribution == UNEQUAL else 1.0
    pair = (shared + one) / sqrt(2), (shared + narrow * other) / sqrt(2)
    return _positive(pair[0], distribution), _positive(pair[1], distribution)


@cache
def _end(distribution: str, stayed: float) -> float:
    """The step at which the runs of both models end, so that a share never leaves."""
    pair = _two_positive(np.random.default_rng(0), distribution, 100_000)
    return float(np.quantile(np.concatenate(pair), 1 - stayed))


def _lengths(stayed: float, random: Random, distribution: str, seeds: int) -> Sample:
    """Two samples, and the step at which their runs end."""
    end = np.asarray(_end(distribution, stayed))
    return *_two_positive(random, distribution, seeds), end


ONE = Statistic("one sample", _one, (NORMAL, LOG_NORMAL, T3))
DIFFERENCE = Statistic("two samples: difference", _two, (NORMAL, LOG_NORMAL, T3, UNEQUAL, BEYOND))
RATIO = Statistic("two samples: ratio", _two_positive)
CHANGE = Statistic("pairs: difference", _pairs, (NORMAL, LOG_NORMAL, T3, UNEQUAL, BEYOND))
PAIRED_RATIO = Statistic("pairs: ratio", _positive_pairs)
LENGTHS = tuple(
    Statistic(
        f"two samples: ratio, {100 * stayed:.0f} % lower bounds",
        partial(_lengths, stayed),
    )
    for stayed in STAYED
)


def _bootstrap(method: str, statistic: Callable[..., Any], *samples: Values, paired: bool) -> Ends:
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


def _bca(statistic: Callable[..., Any], *, paired: bool = False) -> Callable[..., Ends]:
    """By percentiles where it is not defined, as in version 0.1.0."""

    def ends(*samples: Values) -> Ends:
        low, high = _bootstrap("BCa", statistic, *samples, paired=paired)
        undefined = ~np.isfinite(low + high)
        if undefined.any():
            of_these = [sample[undefined] for sample in samples]
            low[undefined], high[undefined] = _bootstrap(
                "percentile", statistic, *of_these, paired=paired
            )
        return low, high

    return ends


def _bootstrap_t(rows: Values) -> Ends:
    """Quantiles of the resampled t in the place of Student's."""
    count = rows.shape[-1]
    drawn = rows[:, np.random.default_rng(0).integers(0, count, (RESAMPLES, count))]
    error = drawn.std(axis=-1, ddof=1)
    with np.errstate(all="ignore"):
        t = (drawn.mean(axis=-1) - rows.mean(axis=-1, keepdims=True)) / error
    low, high = np.nanquantile(np.where(error > 0, t, np.nan), [0.025, 0.975], axis=-1)
    error = rows.std(axis=-1, ddof=1)
    return rows.mean(axis=-1) - high * error, rows.mean(axis=-1) - low * error


def _ratio_of_medians(one: Any, other: Any, axis: int = -1) -> Any:  # noqa: ANN401
    return np.median(one, axis=axis) / np.median(other, axis=axis)


def _difference_of_medians(one: Any, other: Any, axis: int = -1) -> Any:  # noqa: ANN401
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


def _shift(one: Values, other: Values) -> Span | None:
    """Hodges and Lehmann's shift, by Mann and Whitney's test."""
    differences = np.sort((one[:, None] - other).ravel())
    place = int(np.searchsorted(_rank_sums(len(one)), 0.025, side="right"))
    return (float(differences[place - 1]), float(differences[-place])) if place else None


def _logarithms(interval: Callable[..., Span | None]) -> Callable[..., Span | None]:
    def of_ratio(one: Values, other: Values) -> Span | None:
        span = interval(np.log(one), np.log(other))
        return (exp(span[0]), exp(span[1])) if span else None

    return of_ratio


def _of(estimate: Callable[..., estimates.Estimate]) -> Callable[..., Span | None]:
    """The interval of an estimate of the report, below its fewest seeds, too."""
    return lambda *samples: estimate(*samples).span


def _cut(one: Values, other: Values, end: Values) -> tuple[Lengths, Lengths]:
    cut = [Lengths(np.minimum(sample, end), sample >= end) for sample in (one, other)]
    return cut[0], cut[1]


def _bounded_ratio(one: Values, other: Values, end: Values) -> Span | None:
    return ratio_of_lengths(*_cut(one, other, end)).span


def _lasting(test: Callable[[Lengths, Lengths], float]) -> Callable[..., Span]:
    """What a test of lengths says of the ratio 1, as an interval that holds it or does not.

    `test` gives the one-sided p-value for the first being longer.
    """

    def span(one: Values, other: Values, end: Values) -> Span:
        first, second = _cut(one, other, end)
        longer, shorter = test(first, second), test(second, first)
        return (2.0 if longer <= 0.025 else 0.0), (0.5 if shorter <= 0.025 else np.inf)

    return span


def _log_rank(one: Lengths, other: Lengths) -> float:
    first, second = (
        stats.CensoredData(uncensored=each.values[~each.censored], right=each.values[each.censored])
        for each in (one, other)
    )
    with np.errstate(all="ignore"):
        return float(stats.logrank(first, second, "greater").pvalue)


def _generalised_wilcoxon(one: Lengths, other: Lengths) -> float:
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


def _as_if_ended(one: Lengths, other: Lengths) -> float:
    return float(stats.mannwhitneyu(one.values, other.values, alternative="greater").pvalue)


MEAN, MEDIAN, ONES = {LOG_NORMAL: exp(0.5)}, {LOG_NORMAL: 1.0}, {"": 1.0}
MEAN_OF_CHANGE = {BEYOND: exp(0.5)}
PSEUDOMEDIAN = {BEYOND: 1.222}
"""Half the median of the sum of two independent values, by 10 million draws."""
EARLIER = " (0.1.0)"
METHODS = (
    Method(ONE, "mean: BCa" + EARLIER, _bca(np.mean), MEAN, many=True),
    Method(
        ONE,
        "mean: percentiles",
        partial(_bootstrap, "percentile", np.mean, paired=False),
        MEAN,
        many=True,
    ),
    Method(ONE, "mean: bootstrap-t", _bootstrap_t, MEAN, many=True),
    Method(
        ONE, "mean: Student's t", lambda one: _of(estimates.mean_of_differences)(one, 0 * one), MEAN
    ),
    Method(ONE, "median: order statistics", _of(estimates.median), MEDIAN, used=True),
    Method(
        DIFFERENCE,
        "medians: BCa" + EARLIER,
        _bca(_difference_of_medians),
        {BEYOND: -2.0},
        many=True,
    ),
    Method(DIFFERENCE, "shift: Mann-Whitney", _shift, {BEYOND: -2.0}),
    Method(
        DIFFERENCE,
        "means: Welch's t",
        _of(estimates.difference_of_means),
        {BEYOND: -2 * exp(0.5)},
        used=True,
    ),
    Method(RATIO, "medians: BCa" + EARLIER, _bca(_ratio_of_medians), ONES, many=True),
    Method(RATIO, "shift of logarithms: Mann-Whitney", _logarithms(_shift), ONES),
    Method(
        RATIO, "geometric means: Welch's t of logarithms", _of(estimates.ratio), ONES, used=True
    ),
    Method(
        CHANGE,
        "mean: BCa" + EARLIER,
        lambda one, other: _bca(np.mean)(one - other),
        MEAN_OF_CHANGE,
        many=True,
    ),
    Method(
        CHANGE,
        "median: order statistics",
        lambda one, other: _of(estimates.median)(one - other),
        {BEYOND: 1.0},
    ),
    Method(
        CHANGE,
        "pseudomedian: signed ranks",
        lambda one, other: _of(estimates.pseudomedian)(one - other),
        PSEUDOMEDIAN,
    ),
    Method(
        CHANGE, "mean: Student's t", _of(estimates.mean_of_differences), MEAN_OF_CHANGE, used=True
    ),
    Method(
        PAIRED_RATIO,
        "medians: BCa" + EARLIER,
        _bca(_ratio_of_medians, paired=True),
        ONES,
        many=True,
    ),
    Method(
        PAIRED_RATIO,
        "geometric mean: Student's t of logarithms",
        _logarithms(_of(estimates.mean_of_differences)),
        ONES,
    ),
    Method(
        PAIRED_RATIO,
        "pseudomedian: signed ranks of logarithms",
        _of(estimates.paired_ratio),
        ONES,
        used=True,
    ),
    *(
        Method(lengths, name, interval, ONES, used=used)
        for lengths in LENGTHS
        for name, interval, used in (
            ("bounds taken for lengths: Mann-Whitney" + EARLIER, _lasting(_as_if_ended), False),
            ("log-rank", _lasting(_log_rank), False),
            ("generalised Wilcoxon (Gehan)", _lasting(_generalised_wilcoxon), False),
            ("medians: order statistics of the bounds", _bounded_ratio, True),
        )
    ),
)


def measure(quick: bool, seeds: Sequence[int] = SEEDS, repetitions: int = REPETITIONS) -> Measured:
    """A row for every method, distribution and number of seeds."""
    if quick:
        seeds, repetitions = tuple(seeds)[:3], min(repetitions, 100)
    rows = []
    for method in METHODS:
        say(f"{method.statistic.name}, {method.name}")
        rows += list(_rows(method, seeds, repetitions))
    return rows, [_error(repetitions)]


def _error(repetitions: int) -> str:
    used, rejected = (
        f"{100 * sqrt(0.95 * 0.05 / count):.1g} % ({count} repetitions)"
        for count in (repetitions, repetitions // REJECTED)
    )
    return (
        f"The Monte Carlo standard error of a coverage of 95 % is {used} for what the report uses "
        f"and {rejected} for the others."
    )


def _rows(method: Method, seeds: Sequence[int], repetitions: int) -> Iterator[Row]:
    count = repetitions if method.used else repetitions // REJECTED
    for distribution in method.statistic.distributions:
        for size in seeds:
            yield {
                "statistic": method.statistic.name,
                "method": method.name,
                "used": method.used,
                "distribution": distribution,
                "seeds": size,
                **coverage(method, distribution, size, count),
                "repetitions": count,
            }


def coverage(
    method: Method, distribution: str, seeds: int, repetitions: int
) -> dict[str, float | None]:
    """How often the interval holds the true number, and lies above and below it.

    None where the method has no interval. The same samples are drawn for every method.
    """
    name = f"{method.statistic.name}, {distribution}, {seeds}"
    random = np.random.default_rng(zlib.crc32(name.encode()))
    truth = method.truth.get(distribution, method.truth.get("", 0.0))
    samples = [method.statistic.draw(random, distribution, seeds) for _ in range(repetitions)]
    above = below = 0
    for low, high in _spans(method, samples):
        if low is None or high is None:
            return {"coverage": None, "above": None, "below": None}
        above += low > truth
        below += high < truth
    return {
        "coverage": (repetitions - above - below) / repetitions,
        "above": above / repetitions,
        "below": below / repetitions,
    }


def _spans(
    method: Method, samples: Sequence[Sample]
) -> Iterator[tuple[float | None, float | None]]:
    if method.many:
        for first in range(0, len(samples), CHUNK):
            rows = map(np.stack, zip(*samples[first : first + CHUNK], strict=True))
            yield from zip(*method.interval(*rows), strict=True)
        return
    for sample in samples:
        yield method.interval(*sample) or (None, None)


def section(result: Result) -> str:
    """The tables in words and numbers, for the page."""
    rows = [row for row in result["rows"] if row["distribution"] != BEYOND]
    return f"""\
Coverage of "95 %" intervals in per cent over the number of seeds, each the worst over normal,
log-normal (sigma 1) and Student's t3 samples and, of two samples, normal ones whose spreads differ
by a factor of {SPREAD:g} (of ratios: log-normal ones). Bold: what the report uses, from five seeds
on; it shows no interval below. The goal is {100 * GOAL:g} % there. Methods by ranks and by order go
in steps: theirs cover more than 95 % where the next step would be below, and five seeds leave for
ranks and medians nothing but the range, which covers 93.75 % exactly. The interval of lengths of
which some are lower bounds covers nearly always where spreads are equal, so that it holds where
they are not. Of log-rank, Wilcoxon's and Mann and Whitney's test of lengths the number is how often
a test at 5 % does not reject the true ratio.

{markdown_table(list(_worst(rows)))}

What the report uses, by distribution: coverage, and in brackets how often the interval lies wholly
above and wholly below the true number, each a false verdict where that number is the limit.

{markdown_table(list(_in_detail(result["rows"])))}

The last line of each difference is beyond what is promised: where two samples are skewed *and*
their spreads differ, or where the difference of a pair is itself log-normal, means have no interval
that covers at few seeds. That is why the report gives ratios for positive quantities, and the
median for one sample of any.

Bootstrap intervals of the medians of two samples (0.1.0) do well, but a test that holds at the
small levels of a correction for many claims cannot be made of them."""


def _worst(rows: list[Row]) -> Iterator[Row]:
    for method in METHODS:
        of_method = [row for row in rows if _is_of(row, method)]
        mark = "**" if method.used else ""
        yield {
            "statistic": method.statistic.name,
            "method": f"{mark}{method.name}{mark}",
            **{
                str(seeds): _percent(min(covered)) if covered else None
                for seeds, covered in _by_seeds(of_method).items()
            },
        }


def _in_detail(rows: list[Row]) -> Iterator[Row]:
    for method in METHODS:
        for distribution in method.statistic.distributions:
            of_these = [
                row for row in rows if _is_of(row, method) and row["distribution"] == distribution
            ]
            if method.used:
                yield {
                    "statistic": method.statistic.name,
                    "distribution": distribution,
                    **{str(row["seeds"]): _with_sides(row) for row in of_these},
                }


def _is_of(row: Row, method: Method) -> bool:
    return (row["statistic"], row["method"]) == (method.statistic.name, method.name)


def _by_seeds(rows: list[Row]) -> dict[int, list[float]]:
    return {
        seeds: [
            row["coverage"] for row in rows if row["seeds"] == seeds and row["coverage"] is not None
        ]
        for seeds in dict.fromkeys(row["seeds"] for row in rows)
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _with_sides(row: Row) -> str | None:
    if row["coverage"] is None:
        return None
    return " ".join(
        (_percent(row["coverage"]), f"({_percent(row['above'])}, {_percent(row['below'])})")
    )


def figure(result: Result, file: Path) -> None:
    """The worst coverage over the seeds of each statistic: of version 0.1.0, and as it is now."""
    rows = [row for row in result["rows"] if row["distribution"] != BEYOND]
    sides = {
        "version 0.1.0": [method for method in METHODS if method.name.endswith(EARLIER)],
        "the report": [method for method in METHODS if method.used],
    }
    with subplots(2, height=3.8) as (canvas, panels):
        for axis, (title, methods) in zip(panels, sides.items(), strict=True):
            for place, method in enumerate(methods):
                covered = _by_seeds([row for row in rows if _is_of(row, method)])
                known = {seeds: 100 * min(values) for seeds, values in covered.items() if values}
                axis.plot(
                    list(known),
                    list(known.values()),
                    label=method.statistic.name,
                    color=PALETTE[place + 1],
                    marker="o",
                    markersize=3.5,
                )
            axis.axhline(100 * GOAL, color=PALETTE[0], linestyle="--", linewidth=1)
            axis.set(title=title, xlabel="seeds", ylabel="worst coverage (%)", ylim=(60, 101))
            plain_log(axis, "x")
        canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        saved(canvas, file)


if __name__ == "__main__":
    whole = {"nargs": "+", "type": int, "default": SEEDS, "help": "sample sizes"}
    often = {"type": int, "default": REPETITIONS, "help": "samples of each size"}
    main("calibration", measure, options={"seeds": whole, "repetitions": often})
