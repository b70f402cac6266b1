import hashlib
import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pinn_core.records.trajectory import Trajectory, TrajectoryError, UnknownSchema
from sweeps.errors import StudyError
from sweeps.store import faults
from sweeps.store.store import Store
from sweeps.store.writing import CannotWrite
from sweeps.study.plan import Run
from tests.sweeps.s3 import S3
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return pinn_run(sample_study(tmp_path))


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, s3: S3) -> Store:
    return Store(str(tmp_path / "store") if request.param == "directory" else s3.address("store"))


def test_nothing_is_created_before_the_first_commit(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "runs" / "store"))
    assert store.committed() == set()
    assert store.manifests() == []
    assert store.conflicts() == []
    assert store.set_damaged_aside() == {}
    assert list(tmp_path.iterdir()) == []


def test_what_was_committed_comes_back(store: Store, run: Run) -> None:
    trajectory = trajectory_of(run)
    manifest = commit(store, run, trajectory, started=12.5)
    assert store.committed() == {run.run_id}
    assert store.manifests() == [manifest]
    assert store.read(run.run_id).table.equals(trajectory.table)
    assert manifest.digest == trajectory.digest()
    assert manifest.configuration == run.configuration.to_dict()
    assert (manifest.varied, manifest.seed) == (run.varied, run.seed)
    assert (manifest.steps, manifest.started) == (40, 12.5)


def test_some_columns_of_a_run_are_read_and_those_that_it_lacks_left_out(
    store: Store, run: Run
) -> None:
    trajectory = trajectory_of(run, diverged_at=7)
    commit(store, run, trajectory)
    read = store.columns(run.run_id, ["step", "loss/total", "no/such"])
    assert read.table.equals(trajectory.table.select(["step", "loss/total"]))
    assert read.diverged_at == 7


def test_a_diverged_run_is_committed_with_its_step(store: Store, run: Run) -> None:
    assert commit(store, run, trajectory_of(run, diverged_at=7)).diverged_at == 7
    assert store.read(run.run_id).diverged_at == 7


def test_the_same_result_again_changes_nothing(store: Store, run: Run) -> None:
    first = commit(store, run, trajectory_of(run), started=1.0)
    late = trajectory_of(run)
    times = late.table.column_names.index("time/step_seconds")
    late = Trajectory(late.table.set_column(times, "time/step_seconds", pa.nulls(41, pa.float64())))
    assert commit(store, run, late, started=2.0) == first
    assert store.manifest(run.run_id) == first
    assert store.read(run.run_id).table.equals(trajectory_of(run).table)
    assert store.conflicts() == []


def test_a_different_result_is_set_aside_and_reported(
    store: Store, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    first = commit(store, run, trajectory_of(run))
    with caplog.at_level(logging.WARNING):
        assert commit(store, run, trajectory_of(run, salt=1), device="cuda") == first
    assert f"run {run.run_id} was computed twice with different numbers" in caplog.text
    assert store.read(run.run_id).table.equals(trajectory_of(run).table)
    rival = trajectory_of(run, salt=1).digest()[:8]
    assert [Path(file).name for file in store.conflicts()] == [
        f"{run.run_id}.{rival}.json",
        f"{run.run_id}.{rival}.parquet",
    ]
    assert store.committed() == {run.run_id}


def test_writers_at_the_same_moment_leave_one_whole_result(store: Store, run: Run) -> None:
    trajectory = trajectory_of(run)
    with ThreadPoolExecutor(8) as pool:
        commits = [pool.submit(commit, store, run, trajectory, started=i) for i in range(16)]
        manifests = {each.result().started for each in commits}
    assert manifests == {store.manifest(run.run_id).started}
    assert store.read(run.run_id).table.equals(trajectory.table)


def test_strange_files_are_not_runs(tmp_path: Path, run: Run) -> None:
    store = Store(str(tmp_path))
    commit(store, run, trajectory_of(run))
    for name in ("notes.json", "notes.parquet", "abc.json", ".0123456789abcdef.json.part"):
        (tmp_path / name).touch()
    assert store.committed() == {run.run_id}


def test_an_unknown_run_is_named(store: Store, run: Run) -> None:
    with pytest.raises(TrajectoryError, match=f"{run.run_id} is not in the store"):
        store.read(run.run_id)


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("harm", [damage, truncate, Path.unlink])
def test_a_damaged_trajectory_is_never_used(tmp_path: Path, run: Run, harm) -> None:  # noqa: ANN001
    store = Store(str(tmp_path))
    commit(store, run, trajectory_of(run))
    file = tmp_path / f"{run.run_id}.parquet"
    harm(file)
    with pytest.raises(TrajectoryError, match=str(file)):
        store.read(run.run_id)
    with pytest.raises(TrajectoryError, match=str(file)):
        store.columns(run.run_id, ["loss/total"])


def test_a_truncated_manifest_is_named(tmp_path: Path, run: Run) -> None:
    store = Store(str(tmp_path))
    commit(store, run, trajectory_of(run))
    truncate(tmp_path / f"{run.run_id}.json")
    with pytest.raises(TrajectoryError, match=f"{run.run_id}.json: not a manifest"):
        store.manifests()


def test_the_numbers_must_be_those_of_the_manifest(tmp_path: Path, run: Run) -> None:
    store = Store(str(tmp_path))
    committed = commit(store, run, trajectory_of(run))
    manifest = tmp_path / f"{run.run_id}.json"
    manifest.write_text(replace(committed, digest="0" * 32).to_json())
    with pytest.raises(TrajectoryError, match="digest"):
        store.read(run.run_id)


def test_another_schema_is_refused_and_not_set_aside(tmp_path: Path, run: Run) -> None:
    store = Store(str(tmp_path))
    commit(store, run, trajectory_of(run))
    manifest = tmp_path / f"{run.run_id}.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    said = f"{manifest}: schema version 2 is unknown, this program reads 1"
    with pytest.raises(UnknownSchema, match=said):
        store.read(run.run_id)
    with pytest.raises(StudyError, match=said):
        store.set_damaged_aside()
    assert store.committed() == {run.run_id}


def test_a_parquet_file_of_another_schema_is_named(tmp_path: Path, run: Run) -> None:
    store = Store(str(tmp_path))
    manifest = commit(store, run, trajectory_of(run))
    file = tmp_path / f"{run.run_id}.parquet"
    table = pq.read_table(file)
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, b"schema_version": b"2"}), file
    )
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    text = replace(manifest, sha256=sha256).to_json()
    file.with_suffix(".json").write_text(text)
    with pytest.raises(UnknownSchema, match=f"{file}: schema version '2' is unknown"):
        store.read(run.run_id)


def test_a_manifest_under_another_name_is_refused(tmp_path: Path, run: Run) -> None:
    store = Store(str(tmp_path))
    commit(store, run, trajectory_of(run))
    for ending in ("json", "parquet"):
        (tmp_path / f"{run.run_id}.{ending}").rename(tmp_path / f"{'0' * 16}.{ending}")
    with pytest.raises(TrajectoryError, match=f"of another run, {run.run_id}"):
        store.read("0" * 16)


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_damaged_runs_are_set_aside_named_and_redone(tmp_path: Path, run: Run, ending: str) -> None:
    store = Store(str(tmp_path))
    for attempt in (1, 2):
        commit(store, run, trajectory_of(run))
        truncate(tmp_path / f"{run.run_id}.{ending}")
        (message,) = store.set_damaged_aside().values()
        assert str(tmp_path / f"{run.run_id}.{ending}") in message
        assert store.committed() == set()
        assert (tmp_path / "set-aside" / f"{run.run_id}-{attempt}.parquet").is_file()
    commit(store, run, trajectory_of(run))
    assert store.set_damaged_aside() == {}
    assert store.read(run.run_id)


def test_a_missing_trajectory_makes_the_run_undone(tmp_path: Path, run: Run) -> None:
    store = Store(str(tmp_path))
    commit(store, run, trajectory_of(run))
    (tmp_path / f"{run.run_id}.parquet").unlink()
    assert store.committed() == set()
    commit(store, run, trajectory_of(run))
    assert store.read(run.run_id)


def test_the_parquet_says_which_run_it_is(tmp_path: Path, run: Run) -> None:
    commit(Store(str(tmp_path)), run, trajectory_of(run))
    metadata = pq.read_metadata(tmp_path / f"{run.run_id}.parquet").metadata
    assert metadata[b"run_id"] == run.run_id.encode()


KILLED_AT = {
    "before_write": set(),
    "after_write": {".part"},
    "after_rename": {".parquet"},
    "after_write@2": {".parquet", ".part"},
    "after_rename@2": {".parquet", ".json"},
}

COMMIT_AND_DIE = """
import os, sys
from pathlib import Path
from sweeps.store.store import Store
from sweeps.store.writing import CannotWrite
from tests.sweeps.s3 import S3
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of
folder, *moments = sys.argv[1:]
run = pinn_run(sample_study(Path(folder)))
for moment in moments:
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    else:
        os.environ["SWEEP_FAULT"] = f"{moment}:kill9"
        commit(Store(f"{folder}/{moment}"), run, trajectory_of(run))
        os._exit(0)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one store for each moment at which a commit was killed."""
    folder = tmp_path_factory.mktemp("killed")
    program = [sys.executable, "-c", COMMIT_AND_DIE, str(folder), *KILLED_AT]
    root = Path(__file__).parents[2]
    done = subprocess.run(program, cwd=root, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(-signal.SIGKILL)] * len(KILLED_AT)
    return folder


@pytest.mark.parametrize("moment", KILLED_AT)
def test_a_kill_at_any_moment_leaves_all_or_nothing(killed: Path, run: Run, moment: str) -> None:
    folder = killed / moment
    left = folder.iterdir() if folder.exists() else ()
    assert {file.suffix for file in left if file.name != ".lock"} == KILLED_AT[moment]
    store = Store(str(folder))
    assert store.committed() == ({run.run_id} if moment == "after_rename@2" else set())
    commit(store, run, trajectory_of(run))
    assert store.read(run.run_id).table.equals(trajectory_of(run).table)
    assert store.conflicts() == []


@pytest.mark.parametrize("moment", ["before_write", "after_write", "before_write@2"])
def test_a_full_disk_is_explained_and_leaves_nothing_half_done(
    tmp_path: Path, run: Run, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "store"))
    faults.reached.clear()
    monkeypatch.setenv("SWEEP_FAULT", f"{moment}:enospc")
    with pytest.raises(
        CannotWrite, match=rf"no room for the \d+ bytes of {tmp_path}/store/{run.run_id}"
    ):
        commit(store, run, trajectory_of(run))
    monkeypatch.delenv("SWEEP_FAULT")
    assert store.committed() == set()
    assert not list(tmp_path.glob("store/*.part"))
    commit(store, run, trajectory_of(run))
    assert store.read(run.run_id)
