"""Figures of weights and loss landscape: drawn where there is something, left out elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from analysis.figures import SHEETS, draw_figures
from analysis.figures.curves import lines_of
from analysis.figures.landscape import learning_rates
from analysis.load import StudyData
from analysis.plateau import conflict_rate
from analysis.rules import PlateauRule
from analysis.statistics import run_statistics
from pinn_core.records.trajectory import HISTOGRAM_EDGES

Study = Callable[..., StudyData]
RULE = PlateauRule()


def surveyed(study: StudyData, terms: list[str], without: str = "nothing") -> StudyData:
    """The study with every kind of column at its first and its last step."""
    random = np.random.default_rng(0)
    bins = len(HISTOGRAM_EDGES)

    def read(run_id: str) -> pd.DataFrame:
        frame = study.read(run_id)
        due = [frame.index[0], frame.index[-1]]

        def add(name: str, cell: Callable[[], object]) -> None:
            column = pd.Series(None, frame.index, dtype=object)
            for step in due:
                column[step] = cell()
            frame[name] = column

        for name in terms:
            add(f"histogram/{name}", lambda: [*np.tile([0.1, *random.integers(0, 9, bins - 1)], 3)])
            frame[f"weight/{name}"] = random.uniform(1, 9, len(frame))
        for name in ["total", *terms]:
            add(f"curvature/{name}", lambda: random.uniform(1, 100))
            add(f"spectrum/{name}", lambda: [*random.normal(0, 9, 20), *np.full(20, 0.05)])
            add(
                f"spectrum_preconditioned/{name}",
                lambda: [*random.normal(0, 1, 20), *np.full(20, 0.05)],
            )
            add(f"kernel/{name}", lambda: [*np.geomspace(10, 1e-9, 12)])
        return frame.drop(columns=[name for name in frame if str(name).startswith(without)])

    runs = study.runs.assign(
        **{"phases.0.steps": 200, "phases.0.learning_rate": 1e-2, "phases.0.decay": 0.5}
    )
    return replace(study, read=read, runs=runs)


@pytest.mark.parametrize(
    "terms", [["residual", "boundary"], pytest.param(["regression"], marks=pytest.mark.slow)]
)
def test_each_is_drawn_from_what_was_recorded(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terms: list[str]
) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", ())
    data = surveyed(study("b$d", seeds=2), terms)
    drawn = draw_figures(data, tmp_path, RULE, data.runs.index)
    of_probes = ("frequency",)
    slugs = [each.slug for each in SHEETS if each.slug not in of_probes]
    assert [each.png.stem for each in drawn] == slugs
    for each in drawn:
        assert matplotlib.image.imread(each.png)[..., :3].std() > 0.02
        assert each.pdf.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("prefix", "slug"),
    [
        ("weight/", "weights"),
        ("curvature/", "hessian"),
        ("spectrum/", "spectrum"),
        ("spectrum_preconditioned/", "spectrum-preconditioned"),
        ("kernel/", "kernel"),
        ("histogram/", "gradient-histograms"),
    ],
)
def test_what_no_run_recorded_is_left_out(study: Study, prefix: str, slug: str) -> None:
    data = surveyed(study("pinn", seeds=1), ["residual"], without=prefix)
    (sheet,) = [sheet for sheet in SHEETS if sheet.slug == slug]
    assert sheet.draw(lines_of(data, RULE, data.runs.index), data.runs, ()) is None


def test_the_rate_of_every_step_is_that_of_its_phase() -> None:
    run = pd.Series(
        {
            "phases.0.steps": 3,
            "phases.0.learning_rate": 0.1,
            "phases.0.decay": 0.5,
            "phases.0.decay_steps": 2,
            "phases.1.steps": 2,
            "phases.2.steps": 2,
            "phases.2.learning_rate": 0.01,
        }
    )
    found = learning_rates(run, 8)
    expected = [0.1, 0.1 * 0.5**0.5, 0.05, np.nan, np.nan, 0.01, 0.01, np.nan]
    assert np.allclose(found, expected, equal_nan=True)


def test_the_conflict_rate_counts_recorded_steps_below_zero() -> None:
    cosine = [np.nan, -0.5, 0.5, np.nan, 0.25, -1.0, 0.0]
    assert conflict_rate(pd.DataFrame({"gradient/cosine": cosine})) == pytest.approx(2 / 5)
    assert conflict_rate(pd.DataFrame({"gradient/cosine": [np.nan]})) is None
    assert conflict_rate(pd.DataFrame({"loss/batch": [1.0]})) is None


def test_the_conflict_rate_of_a_part_is_of_its_steps(
    trajectory: Callable[..., pd.DataFrame],
) -> None:
    frame = trajectory()
    frame["gradient/cosine"] = np.where(frame.index < 200, -1.0, 1.0)
    table = run_statistics(frame, RULE)
    assert table["after.conflict_rate"] == 0
    assert 0.5 < table["inside.conflict_rate"] <= 1
    assert table["conflict.rate"] == pytest.approx(200 / len(frame))
