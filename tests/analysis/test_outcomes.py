"""Runs of low loss and wrong solution, the figure that shows them, and what the report says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from analysis.figures.outcomes import _draw, draw_outcomes
from analysis.figures.style import STYLE
from analysis.load import StudyData
from analysis.outcomes import outcomes, wrong_json
from analysis.report import endings, write_report
from analysis.report.asked import Asked
from analysis.rules import WrongSolutionRule
from tests.analysis.test_report import Page
from tests.analysis.test_ticks import without_collisions

Study = Callable[..., StudyData]
RULE = WrongSolutionRule()


def ended(study: StudyData, ends: dict[str, tuple[float, float]], column: str) -> StudyData:
    """The study with a loss that falls from 10 to each run's own end, beside its last error."""

    def read(run_id: str) -> pd.DataFrame:
        frame = study.read(run_id)
        loss, error = ends[run_id]
        falling = np.geomspace(10, loss, len(frame))
        falling[-2:] = [loss, np.nan]  # not due in the last row
        errors = np.full(len(frame), error)
        return frame.assign(**{column: falling, "error/relative_l2": errors})

    return replace(study, read=read)


@pytest.mark.parametrize("column", ["loss/total", "loss/batch"])
def test_a_small_loss_with_a_large_error_is_flagged(study: Study, column: str) -> None:
    data = study("good", "bad", seeds=2, diverged_at=60)
    runs = list(data.runs.index)
    ends = [(1e-6, 0.9), (1e-6, 0.01), (1e-3, 0.95), (2e-2, 0.95)]
    found = outcomes(ended(data, dict(zip(runs, ends, strict=True)), column), RULE)
    assert found["wrong"].tolist() == [False, False, True, False]  # diverged, good, wrong, stuck
    assert found["first"].iloc[2] == 10
    assert found["loss"].iloc[2] == pytest.approx(1e-3)
    assert np.isnan(found["loss"].iloc[0])
    plain = wrong_json(found, RULE)
    assert plain["models"] == {"good": 0, "bad": 1}
    assert [run["run_id"] for run in plain["runs"]] == [runs[2]]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


@pytest.mark.parametrize(
    ("first", "last", "error", "wrong"),
    [
        (1.0, 1e-3, 0.6, True),
        (1.0, 2e-3, 0.6, False),
        (1.0, 1e-3, 0.5, False),
        (np.nan, 1e-3, 0.6, False),
        (1.0, 1e-3, np.nan, False),
        (1.0, 0.0, 0.6, True),
    ],
)
def test_the_rule_at_its_limits(first: float, last: float, error: float, wrong: bool) -> None:
    assert RULE.flags(first, last, error) is wrong


def test_a_rule_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="loss must be > 0, found 0"):
        WrongSolutionRule(loss=0)
    with pytest.raises(ValueError, match="error must be > 0, found -1"):
        WrongSolutionRule(error=-1)


@pytest.mark.parametrize("models", [1, 15])
def test_the_figure_has_a_mark_for_every_run(study: Study, tmp_path: Path, models: int) -> None:
    data = study(*(f"M{place}" for place in range(models)), seeds=2)
    data = ended(data, dict.fromkeys(data.runs.index, (1e-4, 0.9)), "loss/total")
    drawn = draw_outcomes(outcomes(data, RULE), RULE, tmp_path)
    assert drawn is not None
    assert matplotlib.image.imread(drawn.png)[..., :3].std() > 0.02
    assert "0.001" in drawn.caption
    nothing = outcomes(study("M", without=("error/relative_l2",)), RULE)
    assert draw_outcomes(nothing, RULE, tmp_path) is None


def test_over_one_and_a_half_decades_of_loss_no_number_runs_into_the_next() -> None:
    drawn = pd.DataFrame(
        {"model": ["pinn", "regression"], "loss": [77.0, 3.1], "error": [0.64, 0.53]}
    ).assign(wrong=False)
    with mpl.rc_context(STYLE):
        canvas = _draw(drawn, RULE, ["pinn", "regression"], ())
        canvas.draw_without_rendering()
    (axes,) = canvas.axes
    assert without_collisions(axes.xaxis)
    assert without_collisions(axes.yaxis)


def test_the_report_lists_and_counts_them(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", ())
    data = study("plain", "cured", seeds=2)
    ends = dict.fromkeys(data.runs.index[:2], (1e-4, 0.97)) | dict.fromkeys(
        data.runs.index[2:], (1e-4, 0.01)
    )
    data = ended(data, ends, "loss/total")
    page = Page(write_report(data, tmp_path))
    assert "Of 4 runs 2 ended with a loss of at most 0.001" in page.text
    assert data.runs.index[0] in page.text
    table = outcomes(data, RULE)
    assert endings.wrong_by_model(table).cells == [("plain", "2", "2")]
    assert len(endings.wrong_runs(table).cells) == 2
    document = json.loads((tmp_path / "claims.json").read_text())
    assert document["wrong_solutions"]["models"] == {"plain": 2, "cured": 0}
    strict = Page(write_report(data, tmp_path, Asked(wrong_solution=WrongSolutionRule(error=0.99))))
    assert "Of 4 runs none ended" in strict.text
