"""Conflict rates over seeds, from trajectories whose rates are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.conflicts import RATES, conflict_rates
from analysis.load import StudyData
from analysis.report.conflicts import conflict_rows
from pinn_core.records.trajectory import CONFLICT

Study = Callable[..., StudyData]


@pytest.fixture
def recorded(study: Study) -> StudyData:
    """A model's seeds conflict in a half and a quarter of their steps; another is silent."""
    data = study("pinn", "regression", seeds=2)

    def read(run_id: str) -> pd.DataFrame:
        frame = data.trajectory(run_id)
        if data.runs.loc[run_id, "model"] != "pinn":
            return frame
        step = np.arange(len(frame))
        period = 2 if run_id.endswith("0") else 4
        flag = np.where(step == step[-1], np.nan, step % period == 0)
        return frame.assign(**dict.fromkeys(RATES, flag))

    return replace(data, read=read)


def test_rates_are_means_over_the_steps_of_runs_that_recorded_them(recorded: StudyData) -> None:
    assert set(RATES) == set(CONFLICT)
    table = conflict_rates(recorded, list(recorded.runs.index))
    assert table["model"].tolist() == ["pinn", "pinn"]
    assert np.allclose(table["conflict/applied"], [0.5, 0.25])


def test_the_report_has_a_row_for_each_model_that_has_rates(recorded: StudyData) -> None:
    rows = conflict_rows(recorded, list(recorded.runs.index))
    assert rows.header[:3] == ("model", "seeds", "R_g, gradients")
    assert rows.cells == [("PINN", "2", *["0.38 ± 0.18"] * len(RATES))]


def test_a_study_without_rates_has_no_rows(study: Study) -> None:
    data = study("pinn", seeds=2)
    assert conflict_rows(data, list(data.runs.index)).cells == []
