"""Kaplan and Meier's curves and the log-rank test, against scipy and by hand."""

from __future__ import annotations

from math import inf

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.censored import Lengths
from analysis.effects.axes import axis_of
from analysis.effects.survival import lengths_of, log_rank, survival
from tests.analysis.effects.conftest import Search


def table(*rows: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["end", "stays"])


def test_a_run_that_diverged_never_leaves_and_one_that_stays_is_a_bound() -> None:
    found = lengths_of(table((120, 1000), (inf, 1000), (inf, inf)))
    assert list(found.values) == [120, 1000, inf]
    assert list(found.censored) == [False, True, True]


def test_the_curve_by_hand() -> None:
    runs = table(
        (100, 500),
        (200, 500),
        (inf, 500),
        (inf, inf),
        (np.nan, 500),
    )
    found = survival(axis_of("x", pd.Series([1, 1, 1, 1, 1])), runs, runs)
    (group,) = found.groups
    assert (group.runs, group.left) == (4, 2)
    share = dict(zip(group.steps, group.shares, strict=True))
    assert (share[0], share[100], share[200], share[500]) == (1, 0.75, 0.5, 0.5)
    assert found.p is None


@pytest.mark.parametrize("seed", range(3))
def test_of_two_groups_it_is_nearly_the_log_rank_test_of_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    groups = [
        Lengths(np.minimum(values, 1.5), values >= 1.5)
        for values in (random.exponential(1, 60), random.exponential(1.4, 60))
    ]
    data = [
        stats.CensoredData(of.values[~of.censored], right=of.values[of.censored]) for of in groups
    ]
    expected = stats.logrank(*data).pvalue
    assert log_rank(groups) == pytest.approx(expected, rel=0.15)


def test_the_hyperparameter_that_decides_differs_and_the_other_does_not(search: Search) -> None:
    found = search(160)
    p = {axis.key: survival(axis, found.runs, found.configurations).p for axis in found.axes}
    assert p["phases.0.learning_rate"] < 1e-4
    assert p["network.depth"] > 0.01


def test_where_no_run_leaves_there_is_nothing_to_test() -> None:
    stays = Lengths(np.full(6, 100.0), np.ones(6, dtype=bool))
    assert log_rank([stays, stays]) is None
