"""How often the interval of a method holds the true number, measured by drawing samples."""

import zlib
from collections.abc import Iterator, Sequence
from math import sqrt

import numpy as np

from benchmarks.calibration.methods import METHODS, Method
from benchmarks.calibration.samples import Sample
from benchmarks.command import Measured, Row, say

SEEDS = (3, 4, 5, 7, 10, 20, 50)
REPETITIONS = 5_000
REJECTED = 10
"""So many times fewer repetitions of what the report does not use: bootstraps take far longer."""
CHUNK = 50  # rows that are bootstrapped together


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
