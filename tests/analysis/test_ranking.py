"""Rankings of studies with known final values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.load import StudyData
from analysis.metric import Metric
from analysis.ranking import LAST_LOSS, compared_runs, metric_value, ranking
from analysis.report.findings import best

COLUMNS = ["run_id", "model", "stage", "seed", "network.width", "batch", "diverged_at", "final"]


def study(*rows: tuple[object, ...]) -> StudyData:
    """Runs as rows of COLUMNS; what was varied is `network.width` and `batch`."""
    runs = pd.DataFrame(rows, columns=COLUMNS).set_index("run_id")
    runs["setting"] = [
        f"{width}, {batch}" for width, batch in runs[["network.width", "batch"]].values
    ]
    runs["diverged_at"] = runs["diverged_at"].astype("Int64")
    last = runs.pop("final")

    def read(run_id: str) -> pd.DataFrame:
        return pd.DataFrame({"loss/regression": [9.0, last[run_id]]})

    return StudyData("ranks", runs, ["network.width", "batch"], read)


SEARCH = (
    ("p1", "pinn", "search", 0, 64, "full", None, 0.3),
    ("p2", "pinn", "search", 0, 128, "full", 700, np.nan),
    ("p3", "pinn", "search", 0, 256, "full", None, 0.1),
    ("r1", "regression", "search", 0, 64, "full", None, 0.2),
    ("r2", "regression", "search", 0, 256, "full", None, 0.4),
)
RERUN = (
    ("p4", "pinn", "rerun", 1, 256, "full", None, 0.9),
    ("p5", "pinn", "rerun", 2, 256, "full", None, 0.8),
    ("r4", "regression", "rerun", 1, 64, "full", None, 0.5),
)


def test_the_best_comes_first_and_the_diverged_last() -> None:
    table = ranking(study(*SEARCH))
    assert list(table.loc["pinn", "run_id"]) == ["p3", "p1", "p2"]
    assert list(table.loc["regression", "run_id"]) == ["r1", "r2"]
    assert table.loc[("pinn", 3), "diverged"] == 1
    assert pd.isna(table.loc[("pinn", 3), "value"])


def test_only_what_varied_is_a_column() -> None:
    table = ranking(study(*SEARCH))
    assert "network.width" in table
    assert "batch" not in table


def test_larger_may_be_better() -> None:
    table = ranking(study(*SEARCH), Metric.read("loss/regression", direction="maximize"))
    assert list(table.loc["pinn", "run_id"]) == ["p1", "p3", "p2"]


def test_reruns_do_not_change_the_ranking_of_the_search() -> None:
    pd.testing.assert_frame_equal(ranking(study(*SEARCH)), ranking(study(*SEARCH, *RERUN)))


def test_a_model_that_was_not_searched_is_ranked_by_the_median_over_its_seeds() -> None:
    table = ranking(study(*RERUN))
    assert table.loc[("pinn", 1), "value"] == pytest.approx(0.85)
    assert table.loc[("pinn", 1), "seeds"] == 2


def test_the_reruns_of_the_best_are_compared() -> None:
    second = ("p6", "pinn", "rerun", 1, 64, "full", None, 0.01)
    assert compared_runs(study(*SEARCH, *RERUN, second)) == ["p4", "p5", "r4"]


def test_before_any_rerun_the_best_search_runs_are_compared() -> None:
    assert compared_runs(study(*SEARCH)) == ["p3", "r1"]


def test_a_single_run_is_ranked() -> None:
    assert list(ranking(study(SEARCH[0]))["run_id"]) == ["p1"]


def test_an_unknown_metric_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'loss/total' was not recorded.*loss/regression"):
        ranking(study(*SEARCH), Metric.read("loss/total"))


def test_the_final_value_is_the_last_rows() -> None:
    assert metric_value(study(*SEARCH), "p1", LAST_LOSS) == 0.3


def test_a_run_that_diverged_in_its_last_step_has_no_final_value() -> None:
    last = ("p1", "pinn", "search", 0, 64, "full", 1, 0.3)
    assert np.isnan(metric_value(study(last), "p1", LAST_LOSS))


def test_a_run_that_was_stopped_early_has_no_final_value_and_ranks_last() -> None:
    data = study(*SEARCH, *RERUN)
    data.runs["pruned_at"] = pd.array([None] * len(data.runs), dtype="Int64")
    data.runs.loc["p3", "pruned_at"] = 40
    assert np.isnan(metric_value(data, "p3", LAST_LOSS))
    assert list(ranking(data).loc["pinn", "run_id"]) == ["p1", "p2", "p3"]


def test_a_run_that_never_reached_the_level_ranks_behind_those_that_did() -> None:
    table = ranking(study(*SEARCH), Metric.read("steps_to(loss/regression, 0.2)"))
    assert list(table.loc["pinn", "run_id"]) == ["p3", "p1", "p2"]
    assert list(table.loc["pinn", "unreached"]) == [0, 1, 0]
    assert list(table.loc["pinn", "reached"]) == [True, False, False]
    assert table.loc[("pinn", 1), "value"] == 1.0


def test_of_seeds_a_score_between_numbers_is_no_number_that_was_reached() -> None:
    """One seed reached the level, one did not, one diverged: their middle is half a score."""
    rows = [
        ("p1", "pinn", "search", 0, 64, "full", None, 0.1),
        ("p2", "pinn", "search", 1, 64, "full", None, 0.3),
        ("p3", "pinn", "search", 2, 64, "full", 700, np.nan),
    ]
    data, metric = study(*rows), Metric.read("steps_to(loss/regression, 0.2)")
    assert not ranking(data, metric)["reached"].any()
    (rows_shown,) = best(data, metric).values()
    assert "not reached" in rows_shown.cells[0]
