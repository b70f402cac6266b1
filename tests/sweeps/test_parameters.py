"""Parameters in the store: committed with their run, verified, done again, and sent to MLflow."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from rich.console import Console

from pinn_core.records.parameters import decoded
from pinn_core.records.trajectory import TrajectoryError
from pinn_core.training.trainer import Member, environment, train
from sweeps.checking.verify import verify
from sweeps.errors import StudyError
from sweeps.execution.launch import run_study
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from sweeps.study.study import Study, load_study
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of

SMALL = ("base.phases.0.steps=6", "rerun.seeds=2")


def launched(study: Study, folder: Path) -> tuple[Store, str]:
    screen = StringIO()
    code = run_study(
        study,
        runs_dir=folder / "runs",
        executor="inline",
        console=Console(file=screen, width=200),
    )
    assert code == 0
    return Store(StudyFolder.of(folder / "runs", study.name).store), screen.getvalue()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    _, said = launched(sample_study(folder, *SMALL), folder)
    assert "10 runs, each up to " in said
    assert "kB of it parameters" in said
    return folder


@pytest.fixture
def store(done: Path, tmp_path: Path) -> Store:
    copytree(done, tmp_path, dirs_exist_ok=True)
    return Store(StudyFolder.of(tmp_path / "runs", "sample").store)


def findings(store: Store, folder: Path) -> list[tuple[str, str | None, str]]:
    found = verify(sample_study(folder, *SMALL), store, store.committed()).findings
    return [(one.name, one.run_id, one.message) for one in found]


def test_every_run_leaves_its_last_parameters(store: Store, tmp_path: Path) -> None:
    manifests = store.manifests()
    assert len(manifests) == 10
    for manifest in manifests:
        assert manifest.parameters["steps"] == [6]
        assert list(store.parameters(manifest.run_id)) == [6]
    assert findings(store, tmp_path) == []


def test_the_same_training_leaves_the_same_file(store: Store, tmp_path: Path) -> None:
    run = pinn_run(sample_study(tmp_path, *SMALL))
    again = Store(str(tmp_path / "again"))
    (trajectory,) = train([Member(run.configuration, run.seed)])
    manifest = commit(again, run, trajectory, environment=environment())
    assert manifest.parameters == store.manifest(run.run_id).parameters


@pytest.mark.parametrize("damage", ["cut", "one bit", "missing"])
def test_a_damaged_or_missing_file_is_named_and_the_run_done_again(
    damage: str, store: Store, tmp_path: Path
) -> None:
    run_id = sorted(store.committed())[0]
    file, before = Path(store.where(run_id, "safetensors")), store.parameters(run_id)
    content = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[:-4])
    else:
        content[-1] ^= 1
        file.write_bytes(content)
    ((name, where, message),) = findings(store, tmp_path)
    assert (name, where) == ("damaged", run_id)
    assert message.startswith(str(file))
    _, said = launched(sample_study(tmp_path, *SMALL), tmp_path)
    assert f"set aside, will be done again: {file}" in said
    assert findings(store, tmp_path) == []
    assert np.array_equal(store.parameters(run_id)[6], before[6])


def test_parameters_of_another_run_are_found_even_where_checksums_agree(tmp_path: Path) -> None:
    study = sample_study(tmp_path, *SMALL)
    store = Store(str(tmp_path / "store"))
    runs = [pinn_run(study, learning_rate=rate) for rate in (1e-3, 1e-2)]
    first, second = train([Member(run.configuration, run.seed) for run in runs])
    commit(store, runs[0], replace(first, parameters=second.parameters), environment=environment())
    ((name, run_id, message),) = findings(store, tmp_path)
    assert (name, run_id) == ("parameters", runs[0].run_id)
    assert "at step 6: " in message
    assert "update/distance is " in message


def test_a_run_that_left_no_parameters_though_it_was_to_is_found(tmp_path: Path) -> None:
    store, run = Store(str(tmp_path / "store")), pinn_run(sample_study(tmp_path, *SMALL))
    (trajectory,) = train([Member(run.configuration, run.seed)])
    commit(store, run, replace(trajectory, parameters={}), environment=environment())
    assert findings(store, tmp_path) == [
        ("parameters", run.run_id, "parameters of the steps none, due: 6")
    ]


def test_a_file_that_holds_another_runs_parameters_is_refused(store: Store) -> None:
    first, second = sorted(store.committed())[:2]
    content = Path(store.where(first, "safetensors")).read_bytes()
    with pytest.raises(TrajectoryError, match=f"x: holds the parameters of another run, {first}"):
        decoded(content, second, "x")
    with pytest.raises(TrajectoryError, match="x: not a file of parameters"):
        decoded(content[:40], first, "x")


def test_a_study_may_ask_for_other_parameters_later_and_keeps_its_runs(
    store: Store, tmp_path: Path
) -> None:
    before = {one.run_id: one.sha256 for one in store.manifests()}
    more = (*SMALL, "rerun.seeds=3", "base.record.parameters=2")
    launched(sample_study(tmp_path, *more), tmp_path)
    steps = {one.run_id: one.parameters["steps"] for one in store.manifests()}
    assert all(steps[run_id] == [6] for run_id in before)
    assert [steps[run_id] for run_id in steps.keys() - before.keys()] == [[0, 2, 4, 6]] * 2
    assert {one.run_id: one.sha256 for one in store.manifests()}.items() >= before.items()


def test_a_store_without_parameters_is_sound(tmp_path: Path) -> None:
    store, said = launched(sample_study(tmp_path, *SMALL, "base.record.parameters=none"), tmp_path)
    assert "0.0 kB of it parameters" in said
    assert {str(one.parameters) for one in store.manifests()} == {"{}"}
    files = {file.name for file in Path(store.root).glob("*.safetensors")}
    assert all(name.endswith(".fields.safetensors") for name in files)
    assert findings(store, tmp_path) == []


def test_mlflow_gets_the_parameters_of_reruns(done: Path) -> None:
    artifacts = done / "runs" / "artifacts" / "sample"
    files = artifacts.glob("*/artifacts/trajectory/*.safetensors")
    names = {file.name for file in files if ".fields." not in file.name}
    store = Store(StudyFolder.of(done / "runs", "sample").store)
    reruns = [one.run_id for one in store.manifests() if one.stage == "rerun"]
    assert names == {f"{run_id}.safetensors" for run_id in reruns}


def test_a_conflicting_result_is_set_aside_with_its_parameters(tmp_path: Path) -> None:
    store, run = Store(str(tmp_path / "store")), pinn_run(sample_study(tmp_path, *SMALL))
    for salt in (0, 1):
        parameters = {6: np.full(3, salt, dtype=np.float32)}
        commit(store, run, replace(trajectory_of(run, salt), parameters=parameters))
    assert store.parameters(run.run_id)[6].tolist() == [0, 0, 0]
    endings = sorted(Path(name).suffix for name in store.conflicts())
    assert endings == [".json", ".parquet", ".safetensors"]


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("last", "found 'last', allowed: a whole number or 'final' or 'none'"),
        ("0", "parameters must be >= 1, found 0"),
        ("{every: 5}", "allowed: a whole number or 'final' or 'none'"),
    ],
)
def test_a_wrong_request_is_refused(value: str, allowed: str) -> None:
    with pytest.raises(StudyError) as refused:
        load_study("demo", [f"base.record.parameters={value}"])
    assert allowed in str(refused.value)
    assert "record.parameters" in str(refused.value)
