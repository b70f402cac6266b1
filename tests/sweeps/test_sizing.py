"""What a study asks for is known, with numbers, before anything is created."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from sweeps.checking.doctor import size
from sweeps.errors import StudyError
from sweeps.execution.launch import run_study
from sweeps.execution.machines import Machine
from sweeps.execution.sizing import refuse_too_large, sizes
from sweeps.study.study import load_study
from tests.sweeps.samples import sample_study

HERE = [Machine("here", 2.0, 0.0, memory=8 * 2**30)]


def refusal(tmp_path: Path, *overrides: str, machines: Sequence[Machine] = HERE) -> str:
    study = sample_study(tmp_path, *overrides)
    with pytest.raises(StudyError) as refused:
        refuse_too_large(study, machines, str(tmp_path / "runs"))
    return str(refused.value)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("base.problem.points_per_axis=100000", "problem heat has 1000000000000000 points, all"),
        ("base.network.width=100000000", "network.width: width must be <= 1000000, found 1"),
        ("base.network.depth=100000", "network.depth: depth must be <= 10000, found 100000"),
        ("base.network={kind: mlp, width: 100000}", "network has 30000800001 parameters, allowed"),
        ("base.phases.0.steps=1000000000000", "a run has 1000000000000 steps, allowed: at most"),
    ],
)
def test_what_no_machine_takes_is_refused_with_the_file(override: str, words: str) -> None:
    with pytest.raises(StudyError) as refused:
        load_study("demo", [override])
    assert words in str(refused.value)


WIDE = "base.network={kind: mlp, width: 30000, depth: 2}"


@pytest.mark.parametrize(
    ("override", "most"),
    [
        (
            "base.problem={kind: poisson, points_per_axis: 1000000, interior_points: 9}",
            "most is for the grid: change the problem's points",
        ),
        (
            "base.problem={kind: poisson, points_per_axis: 100000}",
            "most is for the layers: change network.width",
        ),
        (WIDE, "most is for the parameters: change network.width"),
        ("base.phases.0.steps=100000000", "most is for the record: change the steps of phases"),
        ("models.pinn.space.network.width=[4, 900000, 8]", "network.width 900000, network.depth 1"),
        ("models.pinn.space.network.depth={low: 1, high: 9999, step: 1}", "network.depth 9999"),
        ("models.regression.objective.batch=900000000", "objective.batch 900000000"),
    ],
)
def test_a_run_that_fits_into_no_memory_is_refused_with_numbers(
    override: str, most: str, tmp_path: Path
) -> None:
    little = "space" in override or "poisson" in override
    machines = [Machine("here", 2.0, 0.0, memory=2**25 if little else 2**33)]
    wider = ["base.network.width=40"] if "depth=" in override or "100000}" in override else []
    found = refusal(tmp_path, override, *wider, machines=machines)
    assert "one run takes about " in found
    assert "here has " in found
    assert most in found


def test_the_smallest_machine_on_which_a_pack_may_run_decides(tmp_path: Path) -> None:
    wide = "base.network={kind: mlp, width: 3000, depth: 3}"
    small, none = Machine("small", 2.0, 0.0, memory=2**28), Machine("head", 0.0, 0.0, memory=2**20)
    assert "small has 256.0 MB" in refusal(tmp_path, wide, machines=[*HERE, small, none])
    study = sample_study(tmp_path, wide)
    refuse_too_large(study, [*HERE, none], str(tmp_path))
    refuse_too_large(study, [Machine("says nothing", 2.0, 0.0)], str(tmp_path))
    gpu = Machine("gpu", 2.0, 1.0, memory=2**40, gpu_memory=2**28)
    assert "gpu has 256.0 MB on a GPU" in refusal(
        tmp_path, wide, "resources.gpus=1", machines=[gpu]
    )


def test_runs_that_no_disk_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = sample_study(tmp_path)
    asked = sum(one.total for one in sizes(study))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, asked - 1))  # type: ignore[attr-defined]
    found = refusal(tmp_path)
    assert f"16 runs leave about {asked / 2**10:.1f} kB in the store, {tmp_path} has" in found
    refuse_too_large(study, HERE, str(tmp_path / "runs"), committed=1)
    refuse_too_large(study, HERE, "s3://bucket/sample")


def test_more_runs_than_a_driver_can_keep_are_refused(tmp_path: Path) -> None:
    many = ("search={sampler: random, runs: 1000}", "rerun={top: 1000, seeds: 10000}")
    rates = "models.pinn.space.phases.0.learning_rate={low: 1e-4, high: 1.0}"
    assert "20002000 runs" in refusal(tmp_path, *many, rates, rates.replace("pinn", "regression"))


def test_nothing_is_created_for_a_study_that_is_too_large(tmp_path: Path) -> None:
    study = sample_study(tmp_path, WIDE)
    for executor in ("inline", "ray"):
        with pytest.raises(StudyError, match="one run takes about"):
            run_study(study, runs_dir=tmp_path / "runs", executor=executor)  # type: ignore[arg-type]
    assert [entry.name for entry in tmp_path.iterdir()] == ["sample.yaml"]


def test_the_doctor_says_how_large_a_study_is(tmp_path: Path) -> None:
    fits = size(sample_study(tmp_path), HERE, str(tmp_path))
    assert fits.ok
    assert fits.found.startswith("16 runs, each up to ")
    large = sample_study(tmp_path, WIDE)
    assert not size(large, HERE, str(tmp_path)).ok
