"""The one command for a machine with a GPU, rehearsed without one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.command import main
from benchmarks.gpu import jax_on, parts
from benchmarks.gpu.__main__ import LIMITS, OPTIONS, measure, rows_of
from benchmarks.gpu.reference import configurations
from benchmarks.study import configurations as all_of
from sweeps.study.study import load_study


def test_it_ends_within_ten_minutes_whatever_happens() -> None:
    assert list(LIMITS) == list(parts.PARTS)
    assert sum(LIMITS.values()) + 5 * len(LIMITS) <= 600  # five seconds to end each


def test_the_slices_are_packs_of_the_reference_study() -> None:
    study = all_of(load_study("plateaus"))
    assert len(study) == 1440 + 540
    for pack in configurations():
        assert len({one.shape_key() for one in pack}) == 1
        assert all(one in study for one in pack)


def test_a_part_that_takes_too_long_is_ended_and_named() -> None:
    (row,) = rows_of("step", "cpu", small=True, seconds=0.2)
    assert row == {"part": "step", "ended": "its 0.2 seconds were over"}


def test_a_part_that_breaks_is_named_with_what_it_had_measured() -> None:
    *_, last = rows_of("packs", "nowhere", small=True, seconds=100)
    assert last == {"part": "packs", "ended": "exit code 1"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_rehearsal_is_named() -> None:
    with pytest.raises(SystemExit, match="--rehearse"):
        measure(quick=False, rehearse=False)


def test_without_ray_the_study_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "NEEDED", ("ray", "no_such_package"))
    assert list(parts.study("cpu", small=True)) == [
        {"ended": "left out: not installed are no_such_package"}
    ]


def test_without_scripts_the_row_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise jax_on.JaxMissing("No module named 'jax'")

    monkeypatch.setattr(parts, "jax_cases", missing)
    (row,) = parts.step("cpu", small=True)
    assert row["jax_missing"] == "No module named 'jax'"
    assert row["vs_best_jax_step"] is None


@pytest.mark.slow
def test_a_rehearsal_goes_through_every_part(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    main("gpu", measure, arguments=["--rehearse", "--json", str(file)], options=OPTIONS)
    result = json.loads(file.read_text())
    rows = {part: [row for row in result["rows"] if row["part"] == part] for part in LIMITS}
    assert [row["ended"] for row in result["rows"] if "ended" in row] == []
    (tested,) = rows["tests"]
    assert tested["failures"] == tested["errors"] == 0
    assert tested["skipped"] in (0, tested["tests"])
    for row in [*rows["step"], *rows["packs"], *rows["reference"]]:
        numbers = [value for value in row.values() if isinstance(value, float)]
        assert numbers
        assert all(math.isfinite(number) and number > 0 for number in numbers)
    assert len(rows["reference"]) == len(list(configurations()))
    (study,) = rows["study"]
    assert study["exit_code"] == 0
    assert study["runs"] == 8
    assert study["devices"] == ["cpu"]
    assert study["report"]
