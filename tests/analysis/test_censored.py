"""Lengths that are lower bounds: their medians, and what may be decided from them."""

from __future__ import annotations

from math import inf

import numpy as np
import pandas as pd
import pytest

from analysis.censored import Lengths, Median, ratio_of_lengths
from analysis.claims import judge
from analysis.contrast import Contrast
from analysis.verdicts import Verdict


def lengths(*values: float, censored: int = 0) -> Lengths:
    """The last ones are bounds."""
    return Lengths(np.array(values, dtype=float), np.arange(len(values)) >= len(values) - censored)


def runs(pinn: list[float], regression: list[float], stayed: tuple[int, int]) -> pd.DataFrame:
    """Of each model, `stayed` runs (the last ones) never left the plateau."""
    models = zip(("pinn", "regression"), (pinn, regression), stayed, strict=True)
    return pd.concat(
        pd.DataFrame(
            {
                "model": model,
                "seed": range(len(values)),
                "plateau.length": values,
                "plateau.censored": np.arange(len(values)) >= len(values) - censored,
            }
        )
        for model, values, censored in models
    ).reset_index(drop=True)


def verdict(table: pd.DataFrame, claim: str = "plateau-longer") -> Verdict:
    return judge(table, Contrast("pinn", "regression", is_papers=True))[claim]


@pytest.mark.parametrize(
    ("given", "median"),
    [
        (lengths(1, 2, 3), Median(2, at_least=False)),
        (lengths(1, 2, 3, 5), Median(2.5, at_least=False)),
        (lengths(1, 2, 3, censored=1), Median(2, at_least=False)),
        (lengths(1, 7, 7, censored=2), Median(7, at_least=True)),
        (lengths(1, 2, 9, 9, censored=2), Median(2, at_least=True)),
        (
            Lengths(np.array([1.0, 2, 3]), np.array([True, False, False])),
            Median(2.5, at_least=False),
        ),
        (lengths(5, 5, censored=2), Median(5, at_least=True)),
    ],
)
def test_medians_are_kaplan_and_meiers(given: Lengths, median: Median) -> None:
    assert given.median() == median


def test_interval_and_test_of_a_ratio_belong_together() -> None:
    one, other = np.random.default_rng(0).normal(10, 2, size=(2, 12))
    found = ratio_of_lengths(lengths(*one, censored=2), lengths(*other, censored=1))
    assert found.interval is not None
    low, high = found.interval
    assert found.p(low - 1e-9) < 0.05 < found.p(low + 1e-9)
    assert found.p(high - 1e-9) > 0.05 > found.p(high + 1e-9)


def test_a_median_that_may_be_any_length_has_no_upper_end() -> None:
    stayed = lengths(*[900.0] * 8, censored=8)
    left = lengths(*np.arange(440.0, 456, 2))
    found = ratio_of_lengths(stayed, left)
    assert found.interval == (900 / 454, inf)
    assert ratio_of_lengths(left, stayed).interval == (0, 454 / 900)


def test_runs_that_never_left_decide_nothing_by_when_they_began() -> None:
    found = verdict(runs([930.0] * 5, [881.0] * 5, stayed=(5, 5)))
    assert found.outcome == "not decidable"
    assert found.number is None
    assert found.p == 1
    assert "ratio unknown; medians: PINN ≥ 930, regression ≥ 881" in found.text
    assert "more than 200 seeds like these" in found.text


def test_lower_bounds_are_never_about_a_number() -> None:
    """Five runs censored at 900 against five of 450, and the same with more seeds."""
    few = runs([900.0] * 5, [440.0, 445, 450, 455, 460], stayed=(5, 0))
    twice = verdict(few, "plateau-twice-as-long")
    assert twice.outcome == "not decidable"
    assert (twice.bound, twice.number) == ("at least", 2)
    assert verdict(few).p == 0.0625  # of five seeds no order can tell more
    many = runs([900.0] * 12, list(np.linspace(440, 460, 12)), stayed=(12, 0))
    assert verdict(many).outcome == "holds"
    assert verdict(many, "plateau-twice-as-long").outcome == "not decidable"
    assert "ratio at least 2 [1.97, ∞]; medians: PINN ≥ 900, regression 450" in verdict(many).text


def test_a_bound_that_is_far_above_refutes() -> None:
    table = runs([900.0] * 12, list(np.linspace(240, 260, 12)), stayed=(12, 0))
    assert verdict(table, "plateau-twice-as-long").outcome == "does not hold"


def test_one_bound_among_many_counts_for_neither_side() -> None:
    left = [400.0 + 5 * seed for seed in range(11)]
    table = runs([*left, 100.0], [200.0 + 2 * seed for seed in range(12)], stayed=(1, 0))
    found = verdict(table)
    assert found.outcome == "holds"
    assert "plateau never left: PINN 1, regression 0" in found.text
