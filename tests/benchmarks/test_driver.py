"""What the control plane's table says of growth, and how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.driver import figure, growth_exponent, section, targets
from benchmarks.load import one_study


def row(runs: int, seconds: float, sampler: str = "random") -> dict[str, Any]:
    return {
        "runs": runs,
        "sampler": sampler,
        "seconds": seconds,
        "runs_per_second": runs / seconds,
        "start_seconds": 10.0,
        "trained_seconds": seconds - 1,
        "driver_mb_start": 500.0,
        "driver_mb_end": 510.0,
        "kb_per_run": 1.5,
        "search_seconds": 1.0,
        "mlflow_seconds": 50.0,
        "store_seconds": 20.0,
        "report_seconds": 5.0,
        "store_bytes_per_run": 1e5,
        "mlflow_bytes_per_run": 2e5,
    }


def test_growth_is_found_whatever_the_start_takes() -> None:
    rows = [row(runs, 10 + 0.01 * runs**1.2) for runs in (200, 2000, 10_000)]
    assert growth_exponent(rows) == pytest.approx(1.2)


def test_the_page_has_both_tables_the_targets_and_a_figure(tmp_path: Path) -> None:
    rows = [row(2000, 300.0), row(20_000, 3000.0), row(20_000, 3300.0, "tpe")]
    result = {"rows": rows, "notes": ["Growth: 1."]}
    text = section(result)
    assert text.count("| runs |") == 2
    assert "Growth: 1." in text
    assert [target.met for target in targets(result)] == [True, True, False, False]
    figure(result, tmp_path / "driver.png")
    assert (tmp_path / "driver.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_small_study_passes_through_everything() -> None:
    found = one_study("random", 12)
    assert found["store_bytes_per_run"] > 50_000
    assert 0 < found["mlflow_seconds"] < found["seconds"]
    used = found["search_cpu_seconds"] + found["mlflow_cpu_seconds"]
    assert 0 < used < found["driver_cpu_seconds"]
    assert min(found["gcs_cpu_seconds"], found["raylet_cpu_seconds"]) > 0
    assert 0 < found["start_seconds"] < found["trained_seconds"] < found["seconds"]
