"""What is drawn: samples of distributions whose true number is known, for each statistic."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from math import sqrt

import numpy as np
import numpy.typing as npt

SPREAD = 3.0
"""How many times wider one sample is than the other where the spreads are unequal."""
NORMAL, LOG_NORMAL, T3, UNEQUAL = "normal", "log-normal", "t3", "unequal spreads"
BEYOND = "log-normal, unequal spreads"
"""Measured, but no method was chosen by it: differences of skewed and unequal samples."""
STAYED = (0.1, 0.4)
"""Shares of lengths that are lower bounds."""
GROUPS = 4
"""Values of a hyperparameter between which lengths are compared."""

Values = npt.NDArray[np.float64]
Sample = tuple[Values, ...]
Random = np.random.Generator


@dataclass(frozen=True)
class Statistic:
    """What is estimated: how its samples are drawn, and from which distributions."""

    name: str
    draw: Callable[[Random, str, int], Sample]
    distributions: tuple[str, ...] = (NORMAL, LOG_NORMAL, T3, UNEQUAL)


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


def _groups(stayed: float, random: Random, distribution: str, seeds: int) -> Sample:
    """GROUPS samples of one distribution, and the step at which their runs end."""
    end = np.asarray(_end(distribution, stayed))
    drawn = (_noise(random, distribution, seeds) for _ in range(GROUPS))
    return *(_positive(values, distribution) for values in drawn), end


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
NO_EFFECT = tuple(
    Statistic(
        f"{GROUPS} samples: no effect, {100 * stayed:.0f} % lower bounds",
        partial(_groups, stayed),
        (NORMAL, LOG_NORMAL, T3),
    )
    for stayed in STAYED
)
