"""What a run is judged by: how it is written, and its number of curves that are known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.metric import FORMS, Metric, Unreached
from analysis.rules import PlateauRule

RULE = PlateauRule(spans=(1,), drop=0.05, window=5)
FLAT_THEN_DOWN = np.exp(-np.concatenate([np.full(40, 0.0), np.linspace(0.1, 6.0, 60)]))
"""A plateau of steps 0 to 39, then a fall to 1/400."""


def trajectory(curve: np.ndarray, seconds: float = 0.5) -> pd.DataFrame:
    steps = pd.RangeIndex(len(curve), name="step")
    frame = {
        "loss/regression": curve,
        "error/relative_l2": np.sqrt(curve),
        "work/evaluations": 2.0 * np.arange(len(curve)),
        "time/step_seconds": [*[seconds] * (len(curve) - 1), None],
    }
    return pd.DataFrame(frame, index=steps)


def number(text: str, curve: np.ndarray = FLAT_THEN_DOWN) -> object:
    return Metric.read(text, RULE).of(trajectory(curve))


def first_below(level: float, curve: np.ndarray = FLAT_THEN_DOWN) -> int:
    return int(np.argmax(curve <= level))


def test_a_column_stands_for_its_last_value() -> None:
    assert number("loss/regression") == FLAT_THEN_DOWN[-1]


def test_the_best_value_is_the_smallest_or_the_largest() -> None:
    curve = np.array([3.0, 1.0, np.nan, np.inf, 2.0])
    assert number("best(loss/regression)", curve) == 1.0
    largest = Metric.read("best(loss/regression)", direction="maximize")
    assert largest.of(trajectory(curve)) == 3.0


def test_what_it_takes_to_a_level_is_counted_from_the_start() -> None:
    step = first_below(0.1)
    assert number("steps_to(loss/regression, 0.1)") == step
    assert number("evaluations_to(loss/regression, 0.1)") == 2 * step
    assert number("seconds_to(loss/regression, 0.1)") == 0.5 * (step - 1)


def test_a_plateau_counts_as_far_as_the_level_is_not_reached() -> None:
    end, length = (number(f"plateau/{what}(loss/regression, 0.1)") for what in ("end", "length"))
    assert end == length  # for it begins at step 0
    assert isinstance(length, float)
    assert 30 < length <= 40
    late = np.concatenate([FLAT_THEN_DOWN[40:], FLAT_THEN_DOWN])
    assert number("plateau/length(loss/regression, 0.5)", late) == 0.0


def test_a_run_without_a_plateau_that_reaches_the_level_is_the_best_there_is() -> None:
    down = np.exp(-np.linspace(0.0, 6.0, 60))
    assert number("plateau/length(loss/regression, 0.1)", down) == 0.0


@pytest.mark.parametrize("kind", ["steps_to", "plateau/length", "plateau/end"])
def test_a_short_flat_stretch_of_a_run_that_fails_is_no_success(kind: str) -> None:
    """Left its first plateau after few steps, and never came down to the level."""
    failed = np.concatenate([np.full(10, 1.0), np.geomspace(0.9, 0.5, 20), np.full(70, 0.5)])
    found = number(f"{kind}(loss/regression, 0.1)", failed)
    reached = number(f"{kind}(loss/regression, 0.1)")
    assert isinstance(found, Unreached)
    assert isinstance(reached, float)
    assert found.at_least <= 99 < found.score
    assert found.score > reached


def test_of_two_that_did_not_arrive_the_nearer_one_ranks_first() -> None:
    metric = Metric.read("steps_to(loss/regression, 0.1)")
    near, far = (metric.of(trajectory(np.full(50, value))) for value in (0.2, 2.0))
    assert metric.rank(near) < metric.rank(far) < 2 * 49 < metric.rank(None) == math.inf


@pytest.mark.parametrize("kind", ["evaluations_to", "seconds_to"])
def test_a_quick_run_that_did_not_arrive_is_behind_a_slow_one_that_did(kind: str) -> None:
    metric = Metric.read(f"{kind}(loss/regression, 0.1)")
    quick = metric.of(trajectory(np.full(10, 1.0), seconds=1e-6))
    slow = metric.of(trajectory(FLAT_THEN_DOWN, seconds=1e3))
    assert metric.rank(slow) < metric.rank(quick)


def test_a_run_without_a_last_value_has_no_number() -> None:
    assert number("loss/regression", np.array([1.0, 0.5, np.nan])) is None
    assert number("steps_to(loss/regression, 0.1)", np.full(3, np.nan)) is None


def test_the_median_over_seeds() -> None:
    metric = Metric.read("steps_to(loss/regression, 0.1)")
    never = Unreached(100.0, 150.0)
    assert metric.median([3.0, 1.0, None]) == 3.0
    assert metric.median([3.0, 1.0]) == 2.0
    assert metric.median([3.0, never, never]) == never
    assert metric.median([3.0, never]) == never
    assert metric.median([1.0, None, None]) is None


@pytest.mark.parametrize(
    "text",
    [
        "loss/regression",
        "best(error/relative_l2)",
        "steps_to(loss/regression, 0.1)",
        "plateau/length(error/relative_l2, 0.05)",
    ],
)
def test_a_metric_is_written_as_it_is_read(text: str) -> None:
    assert str(Metric.read(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "plateau/length",
        "steps_to",
        "best",
        "best()",
        "best(loss/total, 0.1)",
        "steps_to(loss/total)",
        "steps_to(loss/total, 0.1",
        "slope(loss/total, 0.1)",
    ],
)
def test_what_is_no_metric_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="allowed") as refused:
        Metric.read(text)
    assert all(form in str(refused.value) for form in FORMS)


@pytest.mark.parametrize("level", ["0", "-1", "nan", "inf", "small"])
def test_a_level_is_a_positive_number(level: str) -> None:
    with pytest.raises(ValueError, match="level that is a number > 0"):
        Metric.read(f"steps_to(loss/total, {level})")


def test_few_steps_are_good_and_cannot_be_maximized() -> None:
    with pytest.raises(ValueError, match="minimize"):
        Metric.read("steps_to(loss/total, 0.1)", direction="maximize")
