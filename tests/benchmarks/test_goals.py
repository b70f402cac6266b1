"""What searches found, judged on seeds of no search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.load import StudyData
from benchmarks.goals import APART, GOALS, JUDGED, RUNS, figure, judged, section, study_text
from sweeps.study.study import study_from


@pytest.mark.parametrize("goal", GOALS)
def test_every_search_makes_as_many_runs_and_is_judged_on_the_same_seeds(goal: str) -> None:
    study = study_from(study_text(goal, 2, quick=False), "goals")
    assert (study.search.runs or 0) * study.search.seeds == RUNS
    first = study.search.seed + study.search.seeds
    last = first + study.rerun.seeds
    assert set(range(2 * APART + 3, 2 * APART + 3 + JUDGED)) == {
        seed for seed in range(first, last) if seed >= 2 * APART + 3
    }


def test_what_never_reached_the_level_bounds_the_median() -> None:
    curves = {"a": np.geomspace(4.0, 1.0, 100), "b": np.full(100, 3.0), "c": np.full(100, 3.0)}
    runs = pd.DataFrame({"steps": 99}, index=pd.Index(curves, name="run_id"))

    def read(run_id: str) -> pd.DataFrame:
        return pd.DataFrame({"loss/regression": curves[run_id]})

    data = StudyData("goals", runs, [], read)
    found = judged(data, ["a", "b", "c"])
    assert (found["judged"], found["reached"]) == (3, 1)
    assert (found["steps"], found["steps_is_bound"]) == (99.0, True)
    assert judged(data, ["a"])["steps"] == np.argmax(curves["a"] <= 1.5)


def test_the_table_and_the_figure_show_every_goal(tmp_path: Path) -> None:
    row: dict[str, Any] = {"operations": 1e9, "judged": 12, "reached": 3, "steps": 800.0}
    rows = [{**row, "goal": goal} for goal in GOALS]
    words = section({"rows": rows})
    assert all(goal in words for goal in GOALS)
    figure({"rows": rows}, tmp_path / "goals.png")
    assert (tmp_path / "goals.png").stat().st_size > 1000
