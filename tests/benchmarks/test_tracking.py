"""Publishers at a time on one database: what is measured, and how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.publishing import publish_together
from benchmarks.tracking import figure, section, targets


def row(backend: str, publishers: int, **changes: Any) -> dict[str, Any]:
    return {
        "backend": backend,
        "publishers": publishers,
        "runs": 250 * publishers,
        "rows": 125_000 * publishers,
        "seconds": 30.0,
        "runs_per_second": 8.0,
        "rows_per_second": 4000.0,
        "interruptions": 1,
        "failed": 0,
        "wrong": 0,
        **changes,
    }


def test_the_page_has_the_table_the_target_and_a_figure(tmp_path: Path) -> None:
    rows = [row("SQLite", 1), row("SQLite", 4), row("PostgreSQL", 4)]
    result = {"rows": rows, "notes": []}
    assert "| runs a second |" in section(result)
    assert [target.met for target in targets(result)] == [True]
    figure(result, tmp_path / "tracking.png")
    assert (tmp_path / "tracking.png").stat().st_size > 1000


def test_one_run_too_many_misses_the_target() -> None:
    assert [one.met for one in targets({"rows": [row("SQLite", 4, wrong=1)]})] == [False]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_publishers_at_a_time_lose_nothing_on_sqlite(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    found = publish_together(uri, tmp_path / "work", 2, 3, uri)
    assert (found["runs"], found["failed"], found["wrong"]) == (6, 0, 0)
    assert found["rows"] > 6 * 400
