"""The studies that are planned and then run, and what the page says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.plan import QUICK, SHAPES, STUDIES, figure, section
from sweeps.search.ahead import look_ahead
from sweeps.study.study import Study, load_study


def study_of(name: str, folder: Path) -> Study:
    if name != "shapes":
        return load_study(name, STUDIES[name])
    (folder / "shapes.yaml").write_text(SHAPES)
    return load_study(str(folder / "shapes.yaml"))


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_can_be_planned(name: str, tmp_path: Path) -> None:
    assert look_ahead(study_of(name, tmp_path), slots=2).packs
    assert QUICK.keys() <= STUDIES.keys()


def test_one_of_them_learns_over_many_shapes(tmp_path: Path) -> None:
    ahead = look_ahead(study_of("shapes", tmp_path), slots=2)
    assert len(ahead.rounds) == 2
    assert len({run.configuration.shape_key() for pack in ahead.packs for run in pack.runs}) > 4


def test_the_page_says_how_many_plans_were_right(tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "study": "demo",
        "runs": 18,
        "packs": 12,
        "kinds": 3,
        "measured": 3,
        "planned": 40.0,
        "low": 35.0,
        "high": 50.0,
        "seconds": 38.0,
        "ratio": 40 / 38,
        "plan_seconds": 12.0,
    }
    wrong = {**row, "study": "other", "seconds": 80.0, "ratio": 0.5}
    result = {"rows": [row, wrong], "notes": []}
    assert "Of 2 studies 1 took" in section(result)
    figure(result, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
