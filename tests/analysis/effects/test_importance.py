"""Importances: they find what decides, and say what chance would make of the rest."""

from __future__ import annotations

from math import inf

import numpy as np
import pandas as pd
import pytest

from analysis.effects.axes import axis_of
from analysis.effects.importance import FEWEST, importances
from tests.analysis.effects.conftest import Search


def test_the_hyperparameter_that_decides_is_found(search: Search) -> None:
    found = search()
    for target in found.targets.values():
        first, *others = importances(found.axes, target)
        assert first.key == "phases.0.learning_rate"
        assert first.beyond_chance
        assert first.share > 0.8
        assert 0 < first.low < first.high <= 1
        assert sum(one.share for one in (first, *others)) == pytest.approx(1)


def test_they_are_the_same_every_time_and_know_ranks_alone(search: Search) -> None:
    found = search()
    values = found.targets[str(found.metric)]
    once = importances(found.axes, values)
    assert importances(found.axes, values) == once
    assert importances(found.axes, values**3) == once


def test_without_any_effect_few_are_beyond_chance() -> None:
    beyond = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        axes = [axis_of(key, pd.Series(random.choice([1, 2, 3], 30))) for key in "abc"]
        beyond += any(
            one.beyond_chance for one in importances(axes, pd.Series(random.normal(size=30)))
        )
    assert beyond <= 2  # searches: one of 20 is to be expected


def test_nothing_is_said_of_few_runs_nor_where_the_best_are_not_known(search: Search) -> None:
    found = search(FEWEST - 1)
    assert importances(found.axes, found.targets[str(found.metric)]) == []
    found = search()
    worst = found.targets[str(found.metric)].copy()
    worst.iloc[10:] = inf
    assert importances(found.axes, worst) == []
