"""Plateaus of hand-made curves whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.plateau import (
    Plateau,
    every_step,
    find_plateau,
    plateau_of,
    smooth,
    summary_columns,
    summary_metrics,
)
from analysis.rules import SCALES, PlateauRule

Curve = Callable[[int, int], "pd.Series[float]"]

RULE = PlateauRule()
UNSMOOTHED = PlateauRule(spans=())


def test_the_plateau_of_an_unsmoothed_curve_is_where_arithmetic_says(curve: Curve) -> None:
    # Flat from step 30 to 230. From step 29 on at most 0.1 of the first slope lies ahead; up to
    # step 213 at most 3 of the next 20 steps (0.12) lie on the second slope.
    found = find_plateau(curve(200, 400), UNSMOOTHED)
    assert found == Plateau(start=29, length=185, censored=False)
    assert found.end == 214


def test_smoothing_is_by_adjusted_exponential_averages_one_after_the_other() -> None:
    once = smooth(pd.Series([1.0, 2.0]), [3])
    assert list(once) == pytest.approx([1, (0.5 * 1 + 2) / 1.5])
    twice = smooth(pd.Series([1.0, 2.0]), [3, 1])
    assert list(twice) == list(once)


def test_smoothing_moves_the_plateau_by_its_lag(curve: Curve) -> None:
    found = find_plateau(curve(200, 400), RULE)
    assert found.start is not None
    assert 29 < found.start < 29 + 30
    assert found.end is not None
    assert 214 < found.end < 214 + 30


def test_the_first_of_two_plateaus_counts(curve: Curve) -> None:
    first = curve(200, 300)
    second = pd.Series([first.iloc[-1]] * 300, range(301, 601))
    both = pd.concat([first, second])
    once, twice = find_plateau(first, RULE), find_plateau(both, RULE)
    assert (twice.start, twice.length) == (once.start, once.length)
    assert (once.again, twice.again) == (False, True)


def test_a_plateau_that_is_never_left_is_censored(curve: Curve) -> None:
    found = find_plateau(curve(370, 400), UNSMOOTHED)
    assert found == Plateau(start=29, length=400 - 20 - 29 + 1, censored=True)
    assert found.end is None


def test_a_curve_that_always_falls_has_no_plateau() -> None:
    falling = pd.Series(np.exp(-0.1 * np.arange(200)))
    assert find_plateau(falling, RULE) == Plateau(start=None, length=0, censored=False)


@pytest.mark.parametrize("length", [0, 1, 20])
def test_a_curve_not_longer_than_the_window_is_undecided(length: int) -> None:
    found = find_plateau(pd.Series(np.ones(length)), RULE)
    assert found == Plateau(start=None, length=0, censored=True)
    assert found.end is None


@pytest.mark.parametrize("every", [2, 3, 5])
def test_a_thinned_curve_has_the_plateau_of_the_whole(curve: Curve, every: int) -> None:
    whole = curve(210, 420)
    thinned = whole.where(whole.index % every == 0)
    expected, found = find_plateau(whole, RULE), find_plateau(thinned, RULE)
    assert found.start == pytest.approx(expected.start, abs=1)
    assert found.length == pytest.approx(expected.length, abs=2)


def test_unrecorded_steps_are_interpolated_and_the_ends_are_not_extended() -> None:
    recorded = pd.Series([np.nan, 4.0, np.nan, np.nan, 1.0, np.inf, np.nan])
    filled = every_step(recorded)
    assert filled.to_dict() == {1: 4.0, 2: 3.0, 3: 2.0, 4: 1.0}


def test_a_run_is_judged_up_to_where_it_diverged(curve: Curve) -> None:
    diverged = curve(200, 400)
    diverged.loc[120] = np.inf
    diverged.loc[121:] = np.nan
    assert find_plateau(diverged, UNSMOOTHED) == Plateau(29, 119 - 20 - 29 + 1, censored=True)


def test_steps_are_those_of_the_index() -> None:
    late = pd.Series(np.ones(100), range(50, 150))
    assert find_plateau(late, RULE).start == 50


@pytest.mark.parametrize("scale", ["ln", "relative"])
def test_the_unit_of_the_curve_does_not_matter(curve: Curve, scale: Any) -> None:
    rule = PlateauRule(scale=scale)
    assert find_plateau(1e-3 * curve(200, 400), rule) == find_plateau(curve(200, 400), rule)


def test_the_scales_are_three_ways_to_measure_a_fall() -> None:
    # Over 20 steps: 0.1 of about 1.0, which is 10 % and 0.105 in logarithms, then 0.1 of 0.5.
    falling = pd.Series(np.linspace(1.0, 0.5, 101))
    lengths = {
        scale: find_plateau(falling, PlateauRule(scale=scale, spans=())).length for scale in SCALES
    }
    # 0.1 / s <= 0.15 until s = 2/3, at step 66; ln(s / (s - 0.1)) <= 0.15 until s = 0.718, at 56.
    assert lengths == {"ln": 57, "relative": 67, "absolute": 81}


def test_zeros_have_no_logarithm_and_count_as_not_recorded(curve: Curve) -> None:
    whole = curve(200, 400)
    holed = whole.copy()
    holed.loc[100] = 0.0
    assert find_plateau(holed, RULE) == find_plateau(whole, RULE)


def test_negative_values_need_the_absolute_scale() -> None:
    cosine = pd.Series([-0.25] * 100)
    with pytest.raises(ValueError, match=r"is -0\.25 at step 0: scale 'ln' .* 'absolute'"):
        find_plateau(cosine, RULE)
    assert find_plateau(cosine, PlateauRule(scale="absolute")).censored


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scale": "log10"}, "ln, relative, absolute, found 'log10'"),
        ({"spans": (10, 0)}, "spans must be >= 1"),
        ({"window": 0}, "window must be >= 1, found 0"),
        ({"drop": -0.15}, r"drop must be > 0, found -0\.15"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PlateauRule(**wrong)


def test_an_unknown_curve_is_named_with_those_there_are(trajectory: Any) -> None:
    with pytest.raises(ValueError, match=r"'loss/regresion' was not recorded.*loss/regression"):
        plateau_of(trajectory(), PlateauRule(curve="loss/regresion"))


def test_the_summary_of_a_run(trajectory: Any) -> None:
    summary = summary_metrics(trajectory(flat=200, steps=400), UNSMOOTHED)
    final = np.exp(-3.0 - 0.04 * 170)
    assert summary == {
        "final.loss/regression": pytest.approx(final),
        "lowest.loss/regression": pytest.approx(final),
        "plateau.start": 29,
        "plateau.length": 185,
        "plateau.censored": 0,
        "conflict.rate": pytest.approx(41 / 81),
    }


def test_the_summary_of_a_run_needs_no_other_columns_than_those_it_names(trajectory: Any) -> None:
    whole = trajectory(flat=200, steps=400).assign(**{"update/norm": 1.0, "work/evaluations": 3.0})
    needed = summary_columns(list(whole), UNSMOOTHED)
    assert "update/norm" not in needed
    assert summary_metrics(whole[needed], UNSMOOTHED) == summary_metrics(whole, UNSMOOTHED)


def test_a_diverged_run_has_no_final_value_but_a_best_one(trajectory: Any) -> None:
    diverged = trajectory()
    diverged.loc[100:] = None
    summary = summary_metrics(diverged, UNSMOOTHED)
    assert "final.loss/regression" not in summary
    assert summary["lowest.loss/regression"] == pytest.approx(np.exp(-3.0))
    assert summary["plateau.censored"] == 1
