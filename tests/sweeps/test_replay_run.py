"""Any step's parameters by training a run again: the same bits, and clear refusals."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from typer.testing import CliRunner

import pinn_sweeps as ps
from pinn_core.records.parameters import decoded
from pinn_core.records.trajectory import Manifest, Trajectory
from pinn_core.training.trainer import Member, environment, train
from pinn_sweeps.results import StudyResults
from sweeps.checking import replay_run as module
from sweeps.checking.replay_run import StepFiles, replay_run, run_named
from sweeps.cli import app
from sweeps.errors import StudyError
from sweeps.store.store import Store
from tests.sweeps.samples import commit, pinn_run, sample_study, with_value

EVERY = ("base.phases.0.steps=12", "rerun.seeds=2", "base.record.parameters=1")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    ps.run(sample_study(folder, *EVERY), runs_dir=folder / "runs", executor="inline")
    return folder


@pytest.fixture
def results(done: Path, tmp_path: Path) -> StudyResults:
    copytree(done, tmp_path, dirs_exist_ok=True)
    return ps.load("sample", tmp_path / "runs")


@pytest.fixture
def store(results: StudyResults) -> Store:
    return Store(results.folder.store)


def test_random_steps_of_all_runs_have_the_bits_of_those_that_were_stored(
    results: StudyResults, store: Store
) -> None:
    draw = random.Random(17)
    for run_id in sorted(store.committed()):
        step = draw.randint(0, 12)
        replayed = results.run(run_id).replay(step)
        assert (replayed.exact, replayed.began) == (True, 0)
        assert replayed.parameters.tobytes() == store.parameters(run_id)[step].tobytes()


def test_a_replay_goes_on_from_the_nearest_checkpoint(results: StudyResults, store: Store) -> None:
    run_id = sorted(store.committed())[0]
    run = results.run(run_id[:6])
    for step, began in ((3, 0), (8, 3), (10, 8), (5, 3), (12, 10), (12, 12)):
        replayed = run.replay(step)
        assert (replayed.exact, replayed.began) == (True, began)
        assert replayed.parameters.tobytes() == store.parameters(run_id)[step].tobytes()


def test_a_damaged_checkpoint_is_set_aside(results: StudyResults) -> None:
    run = results.run(sorted(results.runs.index)[0])
    run.replay(4)
    folder = run.replays / run.manifest.run_id
    (folder / "4.safetensors").write_bytes(b"nothing")
    assert run.replay(6).exact
    assert sorted(file.name for file in folder.iterdir()) == ["4.set-aside", "6.safetensors"]


def test_stages_phases_and_double_precision_are_replayed_too(tmp_path: Path) -> None:
    study = sample_study(
        tmp_path,
        "base.phases=[{kind: adam, steps: 3}, {kind: lbfgs, steps: 3}]",
        "base.stages={kind: curriculum, coefficient: a2, values: [2.0]}",
        "base.precision=float64",
        "base.record.parameters=1",
        "models.pinn.space={objective.lambda_b: [10.0]}",
    )
    run = pinn_run(study)
    run = replace(run, varied={})
    store = Store(str(tmp_path / "store"))
    (trajectory,) = train([Member(run.configuration, run.seed)])
    manifest = commit(store, run, trajectory, environment=environment())
    for step in range(13):
        replayed = replay_run(store, manifest, step, tmp_path / f"{step}")
        assert replayed.difference is None
        assert replayed.parameters.tobytes() == trajectory.parameters[step].tobytes()


def single(tmp_path: Path, *overrides: str) -> tuple[Store, Manifest, Trajectory]:
    run = pinn_run(sample_study(tmp_path, *EVERY, *overrides))
    store = Store(str(tmp_path / "store"))
    (trajectory,) = train([Member(run.configuration, run.seed)])
    return store, commit(store, run, trajectory, environment=environment()), trajectory


def test_a_stored_number_that_does_not_come_out_is_named(tmp_path: Path) -> None:
    _, manifest, trajectory = single(tmp_path)
    run = pinn_run(sample_study(tmp_path, *EVERY))
    other = Store(str(tmp_path / "other"))
    forged = with_value(trajectory, "update/norm", 5, 0.5)
    manifest = commit(other, run, forged, environment=environment())
    assert replay_run(other, manifest, 5, tmp_path / "a").difference is None
    found = replay_run(other, manifest, 6, tmp_path / "a").difference
    assert found is not None
    assert found.startswith("update/norm at step 5: stored 0.5, replayed ")

    third = Store(str(tmp_path / "third"))
    changed = {**trajectory.parameters, 7: trajectory.parameters[7] + np.float32(1)}
    forged = replace(trajectory, parameters=changed)
    manifest = commit(third, run, forged, environment=environment())
    size = len(changed[7])
    found = replay_run(third, manifest, 7, tmp_path / "b").difference
    assert found == f"{size} of {size} parameters of step 7"


def refused(store: Store, manifest: Manifest, step: int, folder: Path) -> str:
    with pytest.raises(StudyError) as error:
        replay_run(store, manifest, step, folder / "keep")
    assert not (folder / "keep").exists(), "something was created"
    return str(error.value)


@pytest.mark.parametrize("step", [-1, 13])
def test_a_step_that_there_is_not_is_refused(step: int, tmp_path: Path) -> None:
    store, manifest, _ = single(tmp_path)
    assert refused(store, manifest, step, tmp_path) == (
        f"run {manifest.run_id}, step: found {step}, allowed: 0 to 12 (the run ends there)"
    )


def test_a_run_that_ended_early_has_the_steps_before(tmp_path: Path) -> None:
    store, manifest, _ = single(tmp_path)
    pruned = replace(manifest, pruned_at=4, steps=4)
    assert "allowed: 0 to 4 (the search stopped the run there)" in refused(
        store, pruned, 5, tmp_path
    )
    diverged = replace(manifest, diverged_at=4)
    assert "allowed: 0 to 3 (the run diverged at step 4)" in refused(store, diverged, 4, tmp_path)


def test_other_arithmetic_is_refused_and_another_machine_is_said(tmp_path: Path) -> None:
    store, manifest, trajectory = single(tmp_path)
    older = replace(manifest, numerics={**manifest.numerics, "kernel/recording": 0})
    assert (
        "cannot be replayed: the arithmetic has changed since (kernel/recording 0, now"
        in refused(store, older, 3, tmp_path)
    )
    elsewhere = {**manifest.environment, "processor": "another"}
    replayed = replay_run(store, replace(manifest, environment=elsewhere), 3, tmp_path / "keep")
    assert not replayed.exact
    assert replayed.difference is None
    assert replayed.in_words.endswith(
        "replayed within 1%: another processor made them; the parameters are this machine's, close "
        "to those of the run"
    )
    assert np.array_equal(replayed.parameters, trajectory.parameters[3])


def test_a_run_is_named_by_its_beginning(store: Store) -> None:
    run_id = sorted(store.committed())[0]
    assert run_named(store, run_id[:8]).run_id == run_id
    with pytest.raises(StudyError, match="run '' is none of the 10 runs"):
        run_named(store, "")
    with pytest.raises(StudyError, match="run 'zzz' is none of the 10 runs in /"):
        run_named(store, "zzz")


def test_checkpoints_past_the_step_are_not_taken(tmp_path: Path) -> None:
    for step in (2, 5, 9):
        (tmp_path / f"{step}.safetensors").write_bytes(b"")
    assert [StepFiles(tmp_path, most).nearest for most in (1, 2, 8, 9)] == [None, 2, 5, 9]


def test_a_long_replay_leaves_checkpoints_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, manifest, _ = single(tmp_path)
    monkeypatch.setattr(module, "CHECKPOINT_EVERY", 0.0)
    replay_run(store, manifest, 3, tmp_path / "keep")
    assert len(list((tmp_path / "keep").iterdir())) == 3


def command(folder: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["replay", *words, "--runs-dir", str(folder / "runs")])
    return result.exit_code, result.output


def test_the_command_writes_the_parameters(
    results: StudyResults, store: Store, tmp_path: Path
) -> None:
    run_id = sorted(store.committed())[0]
    code, said = command(tmp_path, "sample", run_id, "--step", "5")
    assert code == 0
    assert "from the seed: replayed to the bit" in said
    file = results.folder.replays / f"{run_id}-5.safetensors"
    assert decoded(file.read_bytes(), run_id, "x")[5].tobytes() == (
        store.parameters(run_id)[5].tobytes()
    )
    code, _ = command(tmp_path, "sample", run_id, "--step", "6", "--output", str(tmp_path / "p"))
    assert (code, (tmp_path / "p").is_file()) == (0, True)
    code, said = command(tmp_path, "sample", run_id, "--step", "99")
    assert code == 2
    assert "allowed: 0 to 12" in said
    assert command(tmp_path, "sample", "nothing", "--step", "1")[0] == 2
