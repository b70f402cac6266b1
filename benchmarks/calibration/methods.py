"""Which methods are compared: for each statistic, those of the report and those it rejected."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import exp
from typing import Any

import numpy as np

from analysis import estimates
from benchmarks.calibration.intervals import (
    as_if_ended,
    bca,
    bootstrap,
    bootstrap_t,
    bounded_ratio,
    difference_of_medians,
    generalised_wilcoxon,
    lasting,
    log_rank,
    logarithms,
    no_effect,
    of_report,
    ratio_of_medians,
    shift,
)
from benchmarks.calibration.samples import (
    BEYOND,
    CHANGE,
    DIFFERENCE,
    LENGTHS,
    LOG_NORMAL,
    NO_EFFECT,
    ONE,
    PAIRED_RATIO,
    RATIO,
    Statistic,
)


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


MEAN, MEDIAN, ONES = {LOG_NORMAL: exp(0.5)}, {LOG_NORMAL: 1.0}, {"": 1.0}
MEAN_OF_CHANGE = {BEYOND: exp(0.5)}
PSEUDOMEDIAN = {BEYOND: 1.222}
"""Half the median of the sum of two independent values, by 10 million draws."""
EARLIER = " (0.1.0)"
METHODS = (
    Method(ONE, "mean: BCa" + EARLIER, bca(np.mean), MEAN, many=True),
    Method(
        ONE,
        "mean: percentiles",
        partial(bootstrap, "percentile", np.mean, paired=False),
        MEAN,
        many=True,
    ),
    Method(ONE, "mean: bootstrap-t", bootstrap_t, MEAN, many=True),
    Method(
        ONE,
        "mean: Student's t",
        lambda one: of_report(estimates.mean_of_differences)(one, 0 * one),
        MEAN,
    ),
    Method(ONE, "median: order statistics", of_report(estimates.median), MEDIAN, used=True),
    Method(
        DIFFERENCE,
        "medians: BCa" + EARLIER,
        bca(difference_of_medians),
        {BEYOND: -2.0},
        many=True,
    ),
    Method(DIFFERENCE, "shift: Mann-Whitney", shift, {BEYOND: -2.0}),
    Method(
        DIFFERENCE,
        "means: Welch's t",
        of_report(estimates.difference_of_means),
        {BEYOND: -2 * exp(0.5)},
        used=True,
    ),
    Method(RATIO, "medians: BCa" + EARLIER, bca(ratio_of_medians), ONES, many=True),
    Method(RATIO, "shift of logarithms: Mann-Whitney", logarithms(shift), ONES),
    Method(
        RATIO,
        "geometric means: Welch's t of logarithms",
        of_report(estimates.ratio),
        ONES,
        used=True,
    ),
    Method(
        CHANGE,
        "mean: BCa" + EARLIER,
        lambda one, other: bca(np.mean)(one - other),
        MEAN_OF_CHANGE,
        many=True,
    ),
    Method(
        CHANGE,
        "median: order statistics",
        lambda one, other: of_report(estimates.median)(one - other),
        {BEYOND: 1.0},
    ),
    Method(
        CHANGE,
        "pseudomedian: signed ranks",
        lambda one, other: of_report(estimates.pseudomedian)(one - other),
        PSEUDOMEDIAN,
    ),
    Method(
        CHANGE,
        "mean: Student's t",
        of_report(estimates.mean_of_differences),
        MEAN_OF_CHANGE,
        used=True,
    ),
    Method(
        PAIRED_RATIO,
        "medians: BCa" + EARLIER,
        bca(ratio_of_medians, paired=True),
        ONES,
        many=True,
    ),
    Method(
        PAIRED_RATIO,
        "geometric mean: Student's t of logarithms",
        logarithms(of_report(estimates.mean_of_differences)),
        ONES,
    ),
    Method(
        PAIRED_RATIO,
        "pseudomedian: signed ranks of logarithms",
        of_report(estimates.paired_ratio),
        ONES,
        used=True,
    ),
    *(
        Method(lengths, name, interval, ONES, used=used)
        for lengths in LENGTHS
        for name, interval, used in (
            ("bounds taken for lengths: Mann-Whitney" + EARLIER, lasting(as_if_ended), False),
            ("log-rank", lasting(log_rank), False),
            ("generalised Wilcoxon (Gehan)", lasting(generalised_wilcoxon), False),
            ("medians: order statistics of the bounds", bounded_ratio, True),
        )
    ),
    *(Method(several, "log-rank by permutations", no_effect, {}, True) for several in NO_EFFECT),
)
