"""Why runs stopped for good: from trajectories to the report's table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.load import StudyData
from analysis.plateau import summary_metrics
from analysis.report import setting
from analysis.rules import PlateauRule
from analysis.stops import Stop, stops_of
from pinn_core.optimizers.stopping import CHANGE, NO_DESCENT
from pinn_core.records.trajectory import STOP_REASONS

Study = Callable[..., StudyData]


def searching(data: StudyData, kinds: list[str], reasons: dict[str, list[float]]) -> StudyData:
    """The study with a second phase of these kinds, and with what runs of these names stopped for.

    The lists are the first rows of `work/stopped`, whose last value stays; 0 for the others.
    """

    def read(run_id: str) -> pd.DataFrame:
        frame = data.trajectory(run_id)
        first = reasons.get(run_id, [0.0])
        rest = [first[-1]] * (len(frame) - len(first))
        frame = frame.assign(**{"work/evaluations": 2.0 * frame.index})
        return frame.assign(**{"work/stopped": first + rest}) if searches[run_id] else frame

    runs = data.runs.assign(**{"phases.0.kind": "adam", "phases.1.kind": kinds})
    searches = runs["phases.1.kind"] == "lbfgs"
    return replace(data, runs=runs, read=read)


def test_a_stop_is_where_a_reason_begins() -> None:
    reasons = [0, 0, 3, 3, 0, 0, 2, 2]
    frame = pd.DataFrame({"work/stopped": reasons}, pd.RangeIndex(8, name="step"))
    assert stops_of(frame) == [Stop(2, NO_DESCENT), Stop(6, CHANGE)]
    frame.loc[5:, "work/stopped"] = np.nan  # diverged
    assert stops_of(frame) == [Stop(2, NO_DESCENT)]
    assert stops_of(frame.drop(columns="work/stopped")) == []


def test_the_report_counts_runs_by_reason(study: Study) -> None:
    data = study("pinn", "regression", seeds=3)
    names = list(data.runs.index)
    kinds = ["lbfgs"] * 3 + ["gradient_descent"] * 3
    early, late = [0.0] * 10 + [NO_DESCENT], [0.0] * 30 + [NO_DESCENT]
    found = setting.stopped(searching(data, kinds, {names[0]: early, names[1]: late}))
    assert found.header == ("model", "reason", "runs", "median step")
    assert found.cells == [
        ("PINN", STOP_REASONS[NO_DESCENT], "2", "20"),
        ("PINN", "ran to the end", "1", "–"),
    ]
    assert setting.stopped(data).cells == []


def test_the_summary_has_the_last_counts(study: Study) -> None:
    data = study("pinn", seeds=1, steps=300)
    name = data.runs.index[0]
    frame = searching(data, ["lbfgs"], {name: [0.0, CHANGE]}).trajectory(name)
    summary = summary_metrics(frame, PlateauRule())
    assert summary["final.work/evaluations"] == 600
    assert summary["final.work/stopped"] == CHANGE
    frame.loc[200:, ["work/evaluations", "work/stopped"]] = np.nan
    assert summary_metrics(frame, PlateauRule())["final.work/evaluations"] == 398
    assert not [
        key for key in summary_metrics(data.trajectory(name), PlateauRule()) if "work" in key
    ]


@pytest.mark.parametrize("number", STOP_REASONS)
def test_reasons_are_words(number: int) -> None:
    assert STOP_REASONS[number].islower()
