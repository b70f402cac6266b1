"""Backtracking to Armijo's condition, as a search and as gradient descent."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from pinn_core.optimizers.line_search import Trial, armijo

Line = Callable[[float], float]


def search(line: Line, slope: float, length: float, most: int = 40) -> tuple[Trial, list[float]]:
    """What the search returns, and the lengths that it tried."""
    searching = armijo(Trial(0.0, line(0.0), slope, 1.0), length, most=most)
    tried = [next(searching)]
    while True:
        try:
            tried.append(searching.send(Trial(tried[-1], line(tried[-1]), 0.0, 0.0)))
        except StopIteration as end:
            return end.value, tried


@pytest.mark.parametrize(("curvature", "expected"), [(1.0, 1.0), (2.0, 0.5), (100.0, 2.0**-6)])
def test_the_first_halving_that_falls_enough_is_taken(curvature: float, expected: float) -> None:
    """On (curvature / 2) t^2 - t the condition is t <= 1.8 / curvature."""
    found, tried = search(lambda t: curvature / 2 * t * t - t, -1.0, 1.0)
    assert found.length == expected
    assert tried == [2.0**-power for power in range(len(tried))]
    assert found.loss <= 0.1 * found.length * -1.0


def test_what_is_not_finite_is_stepped_back_from() -> None:
    for bad in (math.nan, math.inf):
        found, _ = search(lambda t: bad if t > 0.3 else -t, -1.0, 1.0)  # noqa: B023
        assert found.length == 0.25


def test_without_a_step_it_ends_where_it_began() -> None:
    found, tried = search(lambda t: t, -1.0, 1.0, most=7)
    assert found == Trial(0.0, 0.0, -1.0, 1.0)
    assert len(tried) == 7
