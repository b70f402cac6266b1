"""What limits a large cluster: costs of one more run, and several publishers of one study."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.limits import PARTS, figure, per_run, section
from benchmarks.publishing import publish_shares

ROWS = [
    {"part": "search, tpe", "ms_per_run": 3.0, "shortest": 3.0},
    {"part": "publishing, tpe", "ms_per_run": 12.0, "shortest": 12.0},
    {
        "database": "PostgreSQL",
        "publishers": 2,
        "together": 50,
        "runs": 400,
        "runs_per_second": 100.0,
        "publisher_ms": 12.0,
        "database_ms": 9.0,
        "wrong": 0,
    },
]


def study(runs: int, **seconds: float) -> dict[str, float]:
    return {"runs": runs, **dict.fromkeys(PARTS.values(), 5.0), **seconds}


def test_a_run_costs_what_a_larger_study_costs_more() -> None:
    small = study(100)
    large = study(300, driver_cpu_seconds=9.0, search_cpu_seconds=5.4, mlflow_cpu_seconds=7.0)
    cost = per_run(small, large)
    assert cost["search"] == pytest.approx(2)
    assert cost["publishing"] == pytest.approx(10)
    assert cost["Ray Tune and the driver"] == pytest.approx(8)  # the driver's others are its parts
    assert cost["the node's daemon"] == 0


def test_the_page_names_the_first_limit(tmp_path: Path) -> None:
    text = section({"rows": ROWS})
    assert "the limit is publishing, tpe" in text
    assert "| PostgreSQL | 2 | 50 | 400 | 100 | 12 | 9 | 0 |" in text
    figure({"rows": ROWS}, tmp_path / "limits.png")
    assert (tmp_path / "limits.png").stat().st_size > 1000


@pytest.mark.slow
def test_shares_of_one_study_are_published_once_each(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    told = publish_shares(uri, tmp_path / "study", publishers=2, together=3, runs=8)
    assert told["wrong"] == 0
    assert told["cpu_seconds"] > 0
