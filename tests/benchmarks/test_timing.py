"""Cases take turns, and what is reported is of one unit of work."""

from __future__ import annotations

import time

import pytest

from benchmarks.timing import clocked, interleaved, paired, spread


def test_cases_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def case(name: str) -> float:
        order.append(name)
        return float(len(order))

    times = interleaved({"a": lambda: case("a"), "b": lambda: case("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert times == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_short_work_is_repeated_and_long_work_is_not() -> None:
    calls = {"short": 0, "long": 0}

    def work(name: str, seconds: float) -> None:
        calls[name] += 1
        time.sleep(seconds)

    short = clocked(lambda: work("short", 0.0005), least=0.2)
    long = clocked(lambda: work("long", 0.2), least=0.2)
    assert 0.0005 <= short() < 0.2
    assert long() >= 0.2
    assert calls["short"] > 2
    assert calls["long"] == 2


def test_queued_work_is_waited_for() -> None:
    waited = []
    clocked(lambda: None, least=0.0, finish=lambda: waited.append(True))()
    assert waited


@pytest.mark.parametrize(
    ("seconds", "expected"), [([1.0], 0.0), ([2.0, 2.0, 2.0], 0.0), ([1.0, 2.0, 3.0], 0.5)]
)
def test_spread_is_the_quartiles_distance_over_the_median(
    seconds: list[float], expected: float
) -> None:
    assert spread(seconds) == pytest.approx(expected)


def test_rounds_are_compared_each_with_itself() -> None:
    slow_machine_in_the_second = paired([2.0, 20.0, 3.0], [1.0, 10.0, 1.0])
    assert slow_machine_in_the_second == pytest.approx(2.0)
