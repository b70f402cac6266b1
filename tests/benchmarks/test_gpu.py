"""The one command for a machine with a GPU, rehearsed without one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.command import main
from benchmarks.gpu import __main__ as command
from benchmarks.gpu import jax_on, parts, section
from benchmarks.gpu.__main__ import ENDING, LIMITS, OPTIONS, WHOLE, measure, rows_of
from benchmarks.gpu.reference import configurations
from benchmarks.study import configurations as all_of
from sweeps.study.study import load_study


def test_it_ends_within_ten_minutes_whatever_happens() -> None:
    assert list(LIMITS) == list(parts.PARTS)
    assert sum(LIMITS.values()) + ENDING * len(LIMITS) <= WHOLE == 600


def test_the_tests_have_what_time_the_other_parts_left(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, float] = {}

    def recorded(part: str, _: str, small: bool, seconds: float) -> list[Any]:
        given[part] = seconds
        return []

    monkeypatch.setattr(command, "rows_of", recorded)
    measure(quick=False, rehearse=True)
    assert WHOLE - 2 * ENDING < given.pop("tests") <= WHOLE - ENDING
    assert given == {part: seconds for part, seconds in LIMITS.items() if part != "tests"}


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


STEP = {
    "part": "step",
    "size": "mid",
    "activation": "gelu",
    "pack": 12,
    "ms_both": 0.9,
    "ms_step": 0.15,
    "vs_autograd_both": 11.0,
    "vs_best_jax_step": 0.5,
    "peak_fraction": 0.01,
    "ms jax nested": 0.09,
    "ms jax joined": 0.075,
}
WORST = STEP | {"size": "small", "pack": 64, "vs_best_jax_step": 0.25}
ALONE = {name: STEP[name] for name in STEP if "jax" not in name} | {"vs_best_jax_step": None}
TESTED = {"part": "tests", "tests": 28, "passed": 17, "failures": 0, "ended": "time was over"}


def test_the_page_begins_with_the_worst_number() -> None:
    found = section({"rows": [STEP, WORST, ALONE, TESTED]})
    first, *rest = found.split("\n\n")
    assert first.startswith("**A complete step of ours takes 4 times as long as the best JAX")
    assert "(small, gelu, pack of 64), and at best 2 times (mid, gelu, pack of 12)" in (
        first.replace("\n", " ")
    )
    assert "| mid | gelu | 12 | 0.15 | 0.075 | 2 | 0.9 | 11 | 0.06 |" in found
    assert "Of 28 tests that need a GPU 17 passed and 0 failed." in rest
    assert "`tests` did not finish: time was over." in rest


def test_the_page_says_what_a_whole_command_measured() -> None:
    counts = {"tests": 16, "failures": 1, "errors": 0, "skipped": 2, "seconds": 1.0}
    rows = [
        ALONE,
        {"part": "packs", "model": "pinn", "pack": 12, "seconds_per_run_of_1000": 0.5},
        {"part": "study", "ended": "left out: not installed are ray"},
        {"part": "tests", **counts},
    ]
    found = section({"rows": rows})
    assert "JAX script on" not in found
    assert "| pinn | 12 | 0.5 |" in found
    assert "`study` did not finish: left out: not installed are ray." in found
    assert "Of 16 tests that need a GPU 13 passed and 1 failed." in found


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
