"""Unequal chances of compared models are said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from analysis.budgets import unequal_budgets
from analysis.load import StudyData


def test_equal_models_have_nothing_to_say(study: Callable[..., StudyData]) -> None:
    data = study("pinn", "regression", seeds=3)
    assert unequal_budgets(data, list(data.runs.index)) == []


def test_steps_seeds_and_evaluations_are_told_apart(study: Callable[..., StudyData]) -> None:
    data = study("pinn", "lbfgs", seeds=3)
    data.runs.loc[data.runs["model"] == "lbfgs", "steps"] = 50

    def read(run_id: str) -> pd.DataFrame:
        frame = data.trajectory(run_id)
        each = 2.0 if data.runs.loc[run_id, "model"] == "lbfgs" else 1.0
        return frame.assign(**{"work/evaluations": each * frame.index.to_numpy()})

    counted = replace(data, read=read)
    assert unequal_budgets(counted, list(data.runs.index[:-1])) == [
        "Unequal numbers of steps of training: 300 (PINN), 50 (lbfgs).",
        "Unequal numbers of evaluations of loss and gradient: 600 (lbfgs), 300 (PINN).",
        "Unequal numbers of seeds: 3 (PINN), 2 (lbfgs).",
    ]


def test_many_models_of_one_number_are_counted(study: Callable[..., StudyData]) -> None:
    data = study(*(f"M{place}" for place in range(6)), seeds=1)
    data.runs["steps"] = [300] * 5 + [100]
    assert unequal_budgets(data, list(data.runs.index)) == [
        "Unequal numbers of steps of training: 300 (5 models), 100 (M5)."
    ]


def test_configurations_tried_count_where_there_was_a_search(
    study: Callable[..., StudyData],
) -> None:
    data = study("pinn", "regression", seeds=4)
    data.runs["stage"] = ["search"] * 3 + ["rerun"] + ["search"] * 2 + ["rerun"] * 2
    runs = [data.runs.index[3], data.runs.index[6]]
    assert unequal_budgets(data, runs) == [
        "Unequal numbers of configurations in the search: 3 (PINN), 2 (regression)."
    ]
