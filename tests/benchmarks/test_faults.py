"""Workers killed under load: how it is measured and shown."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import faults
from benchmarks.faults import Course, figure, section, targets

ROW = {
    "runs": 2000,
    "rows": 900_000,
    "seconds": 300.0,
    "kills": 14,
    "recoveries": [3.5, 4.5, 4.0],
    "lost": 0,
    "twice": 0,
    "altered": 0,
}


def pack(*runs: str) -> Any:
    return SimpleNamespace(
        pack_id="-".join(runs), runs=[SimpleNamespace(run_id=one) for one in runs]
    )


def test_a_pack_has_recovered_when_its_last_run_is_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter([13.0, 15.0])
    monkeypatch.setattr(faults.time, "perf_counter", lambda: next(now))
    course = Course(kills=[10.0])
    lost = pack("a", "b")
    course.retried(lost)
    course.finished(lost.runs[0])
    course.retried(lost)  # another attempt counts from the first kill
    course.finished(pack("c").runs[0])
    course.finished(lost.runs[1])
    assert course.recoveries == [3.0]


def test_the_page_has_the_table_the_targets_and_a_figure(tmp_path: Path) -> None:
    result = {"rows": [ROW], "notes": []}
    assert "| 2000 | 900000 | 300 | 14 | 3 | 4 | 4.5 | 0 | 0 | 0 |" in section(result)
    assert [target.met for target in targets(result)] == [True, True, True]
    figure(result, tmp_path / "faults.png")
    assert (tmp_path / "faults.png").stat().st_size > 1000


def test_one_lost_run_misses_the_target() -> None:
    met = [target.met for target in targets({"rows": [{**ROW, "lost": 1}]})]
    assert met == [False, True, True]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_small_study_with_killed_workers_loses_nothing() -> None:
    (row,) = faults.measure(quick=True)
    assert row["kills"] > 0
    assert (row["lost"], row["twice"], row["altered"]) == (0, 0, 0)
