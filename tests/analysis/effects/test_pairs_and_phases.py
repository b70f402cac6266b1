"""Interactions of pairs, effects of one, and the phase diagram."""

from __future__ import annotations

from math import inf

import numpy as np
import pandas as pd
import pytest

from analysis.effects.axes import axis_of
from analysis.effects.marginals import at_values, running
from analysis.effects.pairs import pairs
from analysis.effects.phases import phases
from analysis.effects.searched import REGIMES


def grid() -> pd.DataFrame:
    points = [(a, b, c) for a in (1, 2) for b in (1, 2, 3) for c in ("x", "y") for _ in range(6)]
    return pd.DataFrame(points, columns=["a", "b", "c"])


def test_the_pair_that_acts_together_comes_first() -> None:
    keys = grid()
    noise = np.random.default_rng(0).normal(size=len(keys))
    target = (keys["a"] == 1) * (keys["c"] == "x") * 10.0 + keys["b"] + 0.1 * noise
    first, *others = pairs([axis_of(key, keys[key]) for key in keys], target)
    assert [axis.key for axis in first.axes] == ["a", "c"]
    assert first.interaction > 0.1 > max(pair.interaction for pair in others)
    assert first.medians.loc[0, 0] > 10 > first.medians.loc[1, 1]
    assert (first.runs == 18).all(axis=None)


def test_effects_that_add_up_are_no_interaction() -> None:
    keys = grid()
    target = 10.0 * keys["a"] + keys["b"] + (keys["c"] == "x")
    found = pairs([axis_of(key, keys[key]) for key in keys], target)
    assert max(pair.interaction for pair in found) < 0.1


def test_quartiles_at_each_value_take_runs_without_a_value_for_the_worst() -> None:
    axis = axis_of("a", pd.Series([1] * 4 + [2] * 4))
    found = at_values(axis, pd.Series([1.0, 2, 3, 4, 5, inf, inf, inf]))
    assert list(found["median"]) == [2, inf]
    assert list(found["low"]) == [1, 5]
    assert list(found["runs"]) == [4, 4]


def test_the_running_median_follows_a_range() -> None:
    numbers = pd.Series(np.random.default_rng(0).permutation(np.geomspace(1e-4, 1e-2, 100)))
    found = running(axis_of("rate", numbers), np.log10(numbers))
    assert found.index.is_monotonic_increasing
    assert found["median"].to_numpy() == pytest.approx(np.log10(found.index.to_numpy()), abs=0.05)
    assert (found["low"] < found["high"]).all()


def test_the_phase_diagram_has_the_shares_of_every_cell() -> None:
    keys = pd.DataFrame({"a": [1, 1, 1, 2], "b": ["x", "x", "y", "y"]})
    regimes = pd.Series(["left", "diverged", "never left", "left"])
    found = phases(axis_of("a", keys["a"]), axis_of("b", keys["b"]), regimes)
    assert found.names == (["1", "2"], ["x", "y"])
    assert found.shares.loc[(0, 0), ["diverged", "left", "runs"]].tolist() == [0.5, 0.5, 2]
    assert found.shares.loc[(1, 1), "left"] == 1
    assert (1, 0) not in found.shares.index
    assert found.shares[list(REGIMES)].sum(axis=1).tolist() == [1, 1, 1]
