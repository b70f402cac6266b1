"""A study's two tables, and their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.export import FORMATS, Format, export
from analysis.load import StudyData
from analysis.rules import PlateauRule
from analysis.tables import ROWS, curve_columns, curves, runs_table, settings_that_differ, thinned

Study = Callable[..., StudyData]
RULE = PlateauRule()


@pytest.fixture
def data(study: Study) -> StudyData:
    """Three seeds of two models; a run diverged, another was stopped early."""
    made = study("pinn", "regression", seeds=3, diverged_at=120)
    stopped = pd.array([None, 150, *[None] * 4], dtype="Int64")
    batches = ["full"] * 3 + [512] * 3
    runs = made.runs.assign(**{"pruned_at": stopped, "objective.batch": batches})
    return replace(made, runs=runs, varied=["network.width"])


def test_a_row_for_each_run_says_what_it_was_and_how_it_ended(data: StudyData) -> None:
    table = runs_table(data, RULE).set_index("run_id")
    assert list(table.index) == list(data.runs.index)
    diverged, stopped, whole = (table.iloc[place] for place in range(3))
    assert (diverged["ended"], diverged["plateau.ended"]) == ("diverged", "diverged")
    assert stopped["ended"] == "stopped early"
    assert (whole["ended"], whole["plateau.ended"]) == ("finished", "left")
    assert whole["plateau.end"] == whole["plateau.start"] + whole["plateau.length"]
    assert pd.isna(diverged["final.loss/regression"])
    assert pd.isna(stopped["final.loss/regression"])
    last = data.trajectory(str(whole.name))["loss/regression"].iloc[-1]
    assert whole["final.loss/regression"] == last
    assert whole["lowest.loss/regression"] <= last


def test_settings_are_what_was_varied_and_what_differs(data: StudyData) -> None:
    assert settings_that_differ(data) == ["network.width", "objective.kind", "objective.batch"]
    assert set(runs_table(data, RULE)["objective.batch"]) == {"full", "512"}, "one type in a column"


def test_curves_have_a_row_for_each_run_and_step(data: StudyData) -> None:
    names = curve_columns(data)
    assert "sketch" not in names
    whole = pd.concat(curves(data, names, whole=True))
    assert list(whole)[:5] == ["run_id", "model", "stage", "seed", "step"]
    for run_id, rows in whole.groupby("run_id"):
        expected = data.trajectory(str(run_id))[names]
        np.testing.assert_array_equal(rows[names].to_numpy(), expected.to_numpy())


def test_a_thinned_curve_keeps_its_ends_and_all_that_was_recorded_rarely() -> None:
    steps = pd.RangeIndex(5001, name="step")
    rare = np.where(steps % 500 == 123, 1.0, np.nan)
    frame = pd.DataFrame({"often": np.arange(5001.0), "rare": rare}, steps)
    thin = thinned(frame)
    assert len(thin) <= ROWS + 2 + 10
    assert {0, 5000} <= set(thin.index)
    assert thin["rare"].count() == frame["rare"].count() == 10


@pytest.mark.parametrize("to", FORMATS)
def test_every_format_gives_the_same_numbers(to: Format, data: StudyData, tmp_path: Path) -> None:
    files = export(data, RULE, tmp_path / "new", to, "whole")
    readers = {"csv": _read_csv, "parquet": pd.read_parquet, "json": _read_json}
    runs, made = (readers[to](file) for file in files)
    pd.testing.assert_frame_equal(runs, runs_table(data, RULE), check_dtype=False)
    expected = pd.concat(curves(data, curve_columns(data), whole=True), ignore_index=True)
    pd.testing.assert_frame_equal(made, expected, check_dtype=False, rtol=0)
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == [
        f"curves.{to}",
        f"runs.{to}",
    ]


def _read_csv(file: Path) -> pd.DataFrame:
    """The names of these runs are digits alone."""
    return pd.read_csv(file, dtype={"run_id": str})


def _read_json(file: Path) -> pd.DataFrame:
    """pandas' own reader rounds."""
    return pd.DataFrame(json.loads(file.read_text()))


def test_a_file_that_is_there_is_left_alone_and_nothing_is_written(
    data: StudyData, tmp_path: Path
) -> None:
    (tmp_path / "curves.csv").write_text("mine")
    with pytest.raises(FileExistsError, match=r"curves\.csv already exists"):
        export(data, RULE, tmp_path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("curves.csv", "mine")
    ]


def test_nothing_stays_of_an_export_that_fails(data: StudyData, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was not recorded"):
        export(data, PlateauRule(curve="loss/of"), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []

    def broken(run_id: str) -> pd.DataFrame:
        calls.append(run_id)
        if len(calls) > 2 * len(data.runs):  # in the midst of the curves
            raise OSError("the disk is gone")
        return data.trajectory(run_id)

    calls: list[str] = []
    with pytest.raises(OSError, match="disk is gone"):
        export(replace(data, read=broken), RULE, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
