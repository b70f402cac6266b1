"""Timings that bear comparison: all cases in one process, in turns, medians of many rounds."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles

Case = Callable[[], float]
"""Does its work once and returns the seconds of one unit of it."""

Times = dict[str, list[float]]


def clocked(
    work: Callable[[], object], least: float = 0.02, finish: Callable[[], object] | None = None
) -> Case:
    """A case whose unit is one call of ``work``, called as often as fills ``least`` seconds.

    How often is found at the first use, which therefore is best a round that does not count.
    ``finish`` waits for work that was only queued, on a GPU.
    """
    calls = 0

    def case() -> float:
        nonlocal calls
        if not calls:
            calls = 1
            while (taken := _seconds(work, calls, finish)) < least:
                calls = max(calls + 1, min(10 * calls, round(1.1 * calls * least / taken)))
        return _seconds(work, calls, finish) / calls

    return case


def interleaved(
    cases: Mapping[str, Case],
    rounds: int,
    say: Callable[[str], None] | None = None,
    warm_up: bool = True,
) -> Times:
    """Seconds of every case in every round: each runs once, then each again.

    What slows the machine for a while so slows all alike. A first round, unless ``warm_up`` is
    off, is thrown away. ``say`` is told of each round.
    """
    times: Times = {name: [] for name in cases}
    for number in range(-warm_up, rounds):
        if say:
            say(f"round {number + 1} of {rounds}" if number >= 0 else "warming up")
        for name, case in cases.items():
            seconds = case()
            if number >= 0:
                times[name].append(seconds)
    return times


def paired(seconds: Sequence[float], own: Sequence[float]) -> float:
    """How many times longer ``seconds`` are than ``own``: the median over rounds of the ratio."""
    return median(other / mine for other, mine in zip(seconds, own, strict=True))


def spread(seconds: Sequence[float]) -> float:
    """Distance of the quartiles relative to the median; 0 for one value."""
    if len(seconds) < 2:
        return 0.0
    low, _, high = quantiles(seconds, n=4, method="inclusive")
    return (high - low) / median(seconds)


def _seconds(work: Callable[[], object], calls: int, finish: Callable[[], object] | None) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        work()
    if finish:
        finish()
    return time.perf_counter() - start
