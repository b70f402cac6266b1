"""Axes of hyperparameters: what counts as a list, what as a range, and how ranges are cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.effects.axes import PARTS, VALUES, axis_of


def test_few_numbers_are_a_list_in_their_order() -> None:
    axis = axis_of("network.width", pd.Series([64.0, 16.0, 32.0, 16.0]))
    assert axis.levels == (16, 32, 64)
    assert list(axis.numbers) == [2, 0, 1, 0]
    assert axis.cut()[1] == ["16", "32", "64"]


def test_text_truth_and_nothing_are_a_list() -> None:
    axis = axis_of("x", pd.Series(["tanh", None, True, 2], dtype=object))
    assert axis.cut()[1] == ["2", "–", "true", "tanh"]


@pytest.mark.parametrize(
    ("values", "log"),
    [
        (np.geomspace(1e-4, 1e-2, 40), True),
        (np.linspace(1, 4, 40), False),
        (np.linspace(-1, 1, 40), False),
    ],
)
def test_many_numbers_are_a_range(values: np.ndarray, log: bool) -> None:
    axis = axis_of("rate", pd.Series(values))
    assert axis.is_range
    assert axis.log == log


def test_a_range_is_cut_into_parts_of_equally_many_runs() -> None:
    axis = axis_of("rate", pd.Series(np.random.default_rng(0).uniform(size=200)))
    parts, names = axis.cut()
    assert len(names) == PARTS
    assert set(parts.value_counts()) == {200 // PARTS}
    assert axis.numbers[parts == 0].max() < axis.numbers[parts == 1].min()


def test_a_range_of_listed_numbers_keeps_each_in_one_part() -> None:
    axis = axis_of("rate", pd.Series(np.repeat(np.geomspace(1e-4, 1e-2, VALUES + 4), 8)))
    parts, names = axis.cut()
    assert axis.numbers.groupby(parts).nunique().sum() == VALUES + 4
    assert sorted(set(parts)) == list(range(len(names)))
