import os
import queue
import re
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException

from sweeps.errors import StudyError
from sweeps.store.faults import Fault, reached
from sweeps.store.store import Store
from sweeps.store.writing import CannotWrite
from sweeps.study.plan import rerun_runs
from sweeps.study.study import Study
from sweeps.tracking import publishing, rows, tracking, tracking_address
from sweeps.tracking.empty_database import empty_database
from sweeps.tracking.mlflow_client import (
    is_unreachable,
    open_client,
    search_runs,
)
from sweeps.tracking.publishing import make_database
from sweeps.tracking.tracking import (
    Publisher,
    Synced,
    check_tracking,
    default_tracking_uri,
    masked,
    sync,
)
from sweeps.tracking.writers import Child, ClientWriter, DatabaseWriter
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of, with_value


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for the module: making MLflow's tables takes seconds."""
    return default_tracking_uri(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def study(tmp_path: Path, request: pytest.FixtureRequest) -> Study:
    """An experiment of its own for every test."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name)
    return sample_study(tmp_path, f"name={name[:60]}")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def all_runs(uri: str, study: Study) -> list[MlflowRun]:
    client = open_client(uri)
    experiment = client.get_experiment_by_name(study.name)
    return search_runs(client, experiment.experiment_id) if experiment else []


def children(uri: str, study: Study) -> list[MlflowRun]:
    return [run for run in all_runs(uri, study) if "run_id" in run.data.tags]


def parents(uri: str, study: Study) -> dict[str, MlflowRun]:
    found = [run for run in all_runs(uri, study) if run.data.tags.get("role") == "parent"]
    named = {run.info.run_name: run for run in found}
    assert len(named) == len(found)
    return named


def metric_rows(uri: str, run: MlflowRun) -> list[tuple[object, ...]]:
    """What the database holds, duplicates included."""
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
        query = "select key, step, timestamp, value from metrics where run_uuid = ? order by 1, 2"
        return connection.execute(query, [run.info.run_id]).fetchall()


def publish(uri: str, store: Store, study: Study, *run_ids: str) -> list[str]:
    """Publish through the thread, to its end; returns what it said."""
    said: list[str] = []
    publisher = Publisher(uri, store, study, said.append)
    publisher.start()
    for run_id in run_ids:
        publisher.submit(run_id)
    publisher.finish()
    publisher.close()
    assert publisher.waiting == 0
    return said


def test_a_database_whose_making_was_cut_short_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs" / "mlflow.db"
    monkeypatch.setenv("SWEEP_FAULT", "after_write:raise")
    reached.clear()
    with pytest.raises(Fault):
        make_database(file)
    assert not file.exists()
    monkeypatch.delenv("SWEEP_FAULT")
    make_database(file)
    check_tracking(f"sqlite:///{file}")
    made = file.read_bytes()
    make_database(file)  # a second driver's comes too late
    assert file.read_bytes() == made
    assert {found.name for found in file.parent.iterdir()} <= {"mlflow.db", ".lock"}


def test_the_tables_that_are_kept_are_taken_if_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "cache"))
    made = empty_database()
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.read_bytes() == made
    assert empty_database() == made
    kept.write_bytes(made[:-1] + b"?")
    again = empty_database()
    assert again[-1:] != b"?"
    (tmp_path / "mlflow.db").write_bytes(again)
    check_tracking(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_run_is_published_with_all_that_describes_it(
    uri: str, store: Store, study: Study, tmp_path: Path
) -> None:
    run = pinn_run(study, learning_rate=0.01)
    manifest = commit(store, run, trajectory_of(run), started=1000.5, seconds=2.0)
    assert publish(uri, store, study) == []
    (child,) = children(uri, study)
    assert child.info.run_name == f"pinn {run.run_id[:8]}"
    assert (child.info.status, child.info.start_time, child.info.end_time) == (
        "FINISHED",
        1_000_500,
        1_002_500,
    )
    assert child.data.params == {
        "phases.0.learning_rate": "0.01",
        "objective.lambda_b": "10.0",
        "seed": "0",
    }
    tags = {"run_id": run.run_id, "model": "pinn", "stage": "search", "digest": manifest.digest}
    assert tags.items() <= child.data.tags.items()
    last = trajectory_of(run).table["loss/regression"][-1].as_py()
    assert child.data.metrics["final.loss/regression"] == last
    assert "plateau.length" in child.data.metrics
    parent = parents(uri, study)["search pinn"]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert (parent.info.status, parent.info.end_time) == ("FINISHED", 1_002_500)
    client = open_client(uri)
    for ending in ("parquet", "json"):
        name = f"{run.run_id}.{ending}"
        file = client.download_artifacts(child.info.run_id, f"trajectory/{name}", str(tmp_path))
        assert Path(file).read_bytes() == (tmp_path / "store" / name).read_bytes()


def test_curves_are_the_trajectory_thinned_to_one_request(
    uri: str, store: Store, study: Study
) -> None:
    study = sample_study(Path(store.root).parent, f"name={study.name}", "base.phases.0.steps=1000")
    run = pinn_run(study)
    commit(store, run, trajectory_of(run), started=5.0)
    publish(uri, store, study)
    (child,) = children(uri, study)
    logged = metric_rows(uri, child)
    assert 400 < len(logged) <= rows.METRIC_ROWS
    table = store.read(run.run_id).table
    for name in rows.curve_columns(table):
        curve = [(step, stamp, value) for key, step, stamp, value in logged if key == name]
        assert (curve[0][0], curve[-1][0]) == (0, 1000)
        assert curve == [(k, 5000 + k, table[name][k].as_py()) for k, _, _ in curve]
    assert not [key for key, *_ in logged if str(key).startswith("time/")]


def test_what_is_not_finite_is_never_logged(uri: str, store: Store, study: Study) -> None:
    run = pinn_run(study)
    trajectory = with_value(trajectory_of(run, diverged_at=7), "update/norm", 0, float("inf"))
    commit(store, run, trajectory)
    publish(uri, store, study)
    (child,) = children(uri, study)
    assert child.info.status == "FINISHED"
    assert child.data.metrics["diverged_at"] == 7
    assert all(abs(value) < 100 for _, _, _, value in metric_rows(uri, child))
    assert not [step for key, step, *_ in metric_rows(uri, child) if key == "update/norm"][7:]


def test_publishing_again_adds_nothing(uri: str, store: Store, study: Study) -> None:
    run = pinn_run(study)
    commit(store, run, trajectory_of(run))
    publish(uri, store, study)
    (before,) = children(uri, study)
    publish(uri, store, study, run.run_id, run.run_id)
    (after,) = children(uri, study)
    assert after.to_dictionary() == before.to_dictionary()
    assert len(metric_rows(uri, after)) == len(set(metric_rows(uri, before)))


def half_made(uri: str, store: Store, study: Study, *states: str) -> None:
    """As if writers had died: a published run gets company under its run id."""
    client = open_client(uri)
    (child,) = children(uri, study)
    for state in states:
        tags = {"run_id": child.data.tags["run_id"], "digest": "" if state == "RUNNING" else "0"}
        made = client.create_run(child.info.experiment_id, tags=tags, start_time=1)
        client.log_batch(made.info.run_id, [Metric("final.loss/regression", 7.0, 0, 0)])
        client.update_run(made.info.run_id, state)


def test_half_made_and_outdated_runs_are_replaced(uri: str, store: Store, study: Study) -> None:
    run = pinn_run(study)
    manifest = commit(store, run, trajectory_of(run))
    publish(uri, store, study)
    half_made(uri, store, study, "RUNNING", "FINISHED", "KILLED")
    publish(uri, store, study)
    (child,) = children(uri, study)
    assert child.data.tags["digest"] == manifest.digest


def test_every_stage_and_model_has_one_parent(
    uri: str, store: Store, study: Study, tmp_path: Path
) -> None:
    search = pinn_run(study)
    reruns = rerun_runs(study, "pinn", [search])[:2]
    commit(store, search, trajectory_of(search))
    commit(store, reruns[0], trajectory_of(reruns[0]), started=100.0, seconds=1.0)
    publish(uri, store, study)
    commit(store, reruns[1], trajectory_of(reruns[1]), started=200.0, seconds=1.0)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "figure_1.png").write_bytes(b"png")
    publisher = Publisher(uri, store, study)
    publisher.start()
    publisher.log_figures("rerun", "pinn", tmp_path / "report")
    publisher.finish()
    publisher.close()
    found = parents(uri, study)
    assert sorted(found) == ["rerun pinn", "search pinn"]
    rerun = found["rerun pinn"].info
    assert (rerun.status, rerun.end_time) == ("FINISHED", 201_000)
    own = [run for run in children(uri, study) if run.data.tags["stage"] == "rerun"]
    assert {run.data.tags["mlflow.parentRunId"] for run in own} == {rerun.run_id}
    (figure,) = open_client(uri).list_artifacts(rerun.run_id, "figures")
    assert figure.path == "figures/figure_1.png"


def test_runs_wait_for_an_unreachable_database_and_are_published_once(
    uri: str, store: Store, study: Study, tmp_path: Path
) -> None:
    run = pinn_run(study)
    commit(store, run, trajectory_of(run))
    road = tmp_path / "road"
    road.symlink_to(tmp_path / "nowhere")
    said: queue.Queue[str] = queue.Queue()
    publisher = Publisher(f"sqlite:///{road}/mlflow.db", store, study, said.put)
    publisher.start()
    publisher.submit(run.run_id)
    publisher.finish()
    assert said.get().startswith("MLflow unreachable, 1 runs waiting")
    assert publisher.waiting == 1
    road.unlink()
    road.symlink_to(Path(uri.removeprefix("sqlite:///")).parent)
    publisher.close()
    assert publisher.waiting == 0
    assert said.empty()
    assert len(children(uri, study)) == 1


@pytest.mark.parametrize("call", range(1, 8))
def test_an_answer_lost_after_the_deed_changes_nothing(
    call: int, uri: str, store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a proxy answers 502 after the server has done what it was asked to."""
    monkeypatch.setattr(publishing, "writer_of", ClientWriter)
    run = pinn_run(study)
    manifest = commit(store, run, trajectory_of(run))
    calls: list[str] = []

    def losing(name: str, deed: Callable[..., object]) -> Callable[..., object]:
        def asked(*arguments: object, **options: object) -> object:
            answer = deed(*arguments, **options)
            calls.append(name)
            if len(calls) == call:
                raise MlflowException("API request failed with error code 502 != 200")
            return answer

        return asked

    for name in ("create_experiment", "create_run", "log_batch", "set_terminated"):
        monkeypatch.setattr(MlflowClient, name, losing(name, getattr(MlflowClient, name)))
    monkeypatch.setattr(tracking.time, "sleep", lambda _: None)
    publisher = Publisher(uri, store, study, lambda _: None)
    publisher.start()
    publisher.finish()
    publisher.close()
    assert len(calls) >= 6, "the experiment, parent and child, its numbers, two ends"
    (child,) = children(uri, study)
    assert (child.info.status, child.data.tags["digest"]) == ("FINISHED", manifest.digest)
    logged = metric_rows(uri, child)
    assert len(logged) == len({row[:2] for row in logged})
    assert {run.info.status for run in all_runs(uri, study)} == {"FINISHED"}
    assert len(parents(uri, study)) == 1


def test_a_commit_whose_answer_is_lost_is_found(
    uri: str, store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the connection to a database ends after it has committed a transaction."""
    runs = [pinn_run(study, learning_rate=rate) for rate in (0.001, 0.01, 0.1)]
    for run in runs:
        commit(store, run, trajectory_of(run))
    write, written = DatabaseWriter.write, []

    def losing(writer: DatabaseWriter, children: Sequence[Child]) -> None:
        write(writer, children)
        written.append(len(children))
        if len(written) == 1:
            raise MlflowException("server closed the connection unexpectedly")

    monkeypatch.setattr(DatabaseWriter, "write", losing)
    monkeypatch.setattr(tracking.time, "sleep", lambda _: None)
    publish(uri, store, study)
    assert written == [3, 0]
    found = [child.data.tags["run_id"] for child in children(uri, study)]
    assert sorted(found) == sorted(run.run_id for run in runs)


def test_a_database_and_a_server_get_the_same(
    uri: str, store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = pinn_run(study)
    commit(store, run, trajectory_of(run, diverged_at=7))
    publish(uri, store, study)
    (ours,) = children(uri, study)
    open_client(uri).delete_run(ours.info.run_id)
    monkeypatch.setattr(publishing, "writer_of", ClientWriter)
    publish(uri, store, study)
    (theirs,) = children(uri, study)
    assert metric_rows(uri, theirs) == metric_rows(uri, ours)
    assert theirs.data.to_dictionary() == ours.data.to_dictionary()
    alone = {"run_id", "run_uuid", "artifact_uri"}
    left, right = ({**dict(run.info)} for run in (ours, theirs))
    assert {**left, **dict.fromkeys(alone)} == {**right, **dict.fromkeys(alone)}


@pytest.mark.slow  # MLflow asks a locked database again for 20 seconds
def test_runs_wait_for_a_locked_database_and_are_published_once(
    uri: str, store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = pinn_run(study)
    commit(store, run, trajectory_of(run))
    sync(study, Store(f"{store.root}-empty"), uri)
    said: queue.Queue[str] = queue.Queue()
    publisher = Publisher(uri, store, study, said.put)
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as other:
        other.execute("begin exclusive")
        publisher.start()
        assert "database is locked" in said.get()
        assert publisher.waiting == 1
        other.rollback()
    publisher.finish()
    publisher.close()
    assert publisher.waiting == 0
    assert len(children(uri, study)) == 1


def test_runs_that_cannot_be_published_in_time_are_left_to_sync(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE", 0.0)
    run = pinn_run(study)
    commit(store, run, trajectory_of(run))
    said: list[str] = []
    publisher = Publisher(f"http://127.0.0.1:{free_port()}", store, study, said.append)
    publisher.start()
    publisher.close()
    assert publisher.waiting == 1
    assert said[-1].endswith(f"safe in the store: pinn-sweep sync {study.name}")


def test_nothing_is_said_after_the_end(
    uri: str, store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the run at hand outlasts its time, what then goes wrong is not the last thing said."""
    opening, released, failed = threading.Event(), threading.Event(), threading.Event()

    def stuck(_: Publisher) -> None:
        opening.set()
        released.wait(60)
        failed.set()
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(Publisher, "_opened", stuck)
    monkeypatch.setattr(tracking, "LAST_RUN", 0.01)
    run = pinn_run(study)
    commit(store, run, trajectory_of(run))
    said: list[str] = []
    publisher = Publisher(uri, store, study, said.append)
    publisher.start()
    assert opening.wait(60)
    publisher.close(wait=False)
    assert len(said) == 1 and "1 runs are not in MLflow yet" in said[0]
    released.set()
    assert failed.wait(60)
    publisher._thread.join(60)
    assert len(said) == 1


def test_a_damaged_run_is_named_and_the_others_are_published(
    uri: str, store: Store, study: Study
) -> None:
    bad, good = pinn_run(study), pinn_run(study, lambda_b=100.0)
    for run in (bad, good):
        commit(store, run, trajectory_of(run))
    os.truncate(store.where(bad.run_id), 100)
    (said,) = publish(uri, store, study)
    assert f"{bad.run_id}.parquet: damaged" in said
    (child,) = children(uri, study)
    assert child.data.tags["run_id"] == good.run_id


def test_sync_rebuilds_mlflow_and_twice_is_as_once(uri: str, store: Store, study: Study) -> None:
    runs = [pinn_run(study), *rerun_runs(study, "pinn", [pinn_run(study)])[:2]]
    for run in runs:
        commit(store, run, trajectory_of(run))
    assert sync(study, store, uri) == Synced(published=3)
    before = sorted(all_runs(uri, study), key=lambda run: run.info.run_id)
    logged = [metric_rows(uri, run) for run in before]
    assert sync(study, store, uri) == Synced(present=3)
    after = sorted(all_runs(uri, study), key=lambda run: run.info.run_id)
    assert [run.to_dictionary() for run in after] == [run.to_dictionary() for run in before]
    assert [metric_rows(uri, run) for run in after] == logged
    assert {run.info.status for run in after} == {"FINISHED"}


@pytest.mark.parametrize("with_files", [True, False])
def test_sync_leads_the_addresses_of_a_copied_folder_to_the_copy(
    uri: str, store: Store, study: Study, tmp_path: Path, with_files: bool
) -> None:
    before, after = Path(uri.removeprefix("sqlite:///")).parent, tmp_path / "copy"
    run = pinn_run(study)
    commit(store, run, trajectory_of(run))
    assert sync(study, store, uri).moved_from is None
    after.mkdir()
    with (
        closing(sqlite3.connect(before / "mlflow.db")) as old,
        closing(sqlite3.connect(after / "mlflow.db")) as new,
    ):
        old.backup(new)
    if with_files:
        copytree(before / "artifacts" / study.name, after / "artifacts" / study.name)
    copied = default_tracking_uri(after)
    old_place = (before / "artifacts" / study.name).as_uri()
    assert sync(study, store, copied) == Synced(present=1, moved_from=old_place)
    assert sync(study, store, copied) == Synced(present=1)
    client = open_client(copied)
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    here = (after / "artifacts" / study.name).as_uri()
    assert experiment.artifact_location == here
    assert {run.info.artifact_uri.startswith(f"{here}/") for run in all_runs(copied, study)} == {
        True
    }
    (child,) = children(copied, study)
    (after / "found").mkdir()
    name = f"trajectory/{run.run_id}.parquet"
    file = client.download_artifacts(child.info.run_id, name, str(after / "found"))
    assert Path(file).read_bytes() == Path(store.where(run.run_id)).read_bytes()
    assert len(all_runs(uri, study)) == len(all_runs(copied, study)), "the original was changed"
    assert children(uri, study)[0].info.artifact_uri.startswith(f"{old_place}/")


def test_sync_brings_a_deleted_experiment_back(uri: str, store: Store, study: Study) -> None:
    run = pinn_run(study)
    commit(store, run, trajectory_of(run))
    sync(study, store, uri)
    (child,) = children(uri, study)
    open_client(uri).delete_experiment(child.info.experiment_id)
    sync(study, store, uri)
    assert len(children(uri, study)) == 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Something that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("./mlruns", "found scheme '', allowed: http, https, sqlite.*sqlite:///path/mlflow.db"),
        ("file:///tmp/mlruns", "found scheme 'file'"),
        ("sqlit:///mlflow.db", "did you mean 'sqlite'"),
        ("sqlite:///{here}", "is a folder"),
        ("sqlite:///{here}/notes.txt/mlflow.db", "notes.txt is not a folder that can be written"),
        ("sqlite:///{here}/notes.txt", "file is not a database"),
        ("http://127.0.0.1:{port}", "Connection refused"),
        ("postgresql://ada:lovelace@127.0.0.1:{port}/mlflow", r"'postgresql://\*\*\*@"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(
    tmp_path: Path, address: str, complaint: str
) -> None:
    (tmp_path / "notes.txt").write_text("bread, milk, eggs" * 100)
    address = address.format(here=tmp_path, port=free_port())
    with pytest.raises(StudyError, match=complaint) as refused:
        check_tracking(address)
    assert "lovelace" not in str(refused.value)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_server_that_does_not_answer_is_refused_in_time(
    silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_address, "DEADLINE", 0.5)
    with pytest.raises(StudyError, match=rf"{silent_server}' cannot be used: no answer within"):
        check_tracking(f"http://{silent_server}")


def test_a_good_address_is_accepted_and_nothing_is_created(uri: str, tmp_path: Path) -> None:
    check_tracking(uri)
    check_tracking(default_tracking_uri(tmp_path / "runs"))
    assert list(tmp_path.iterdir()) == []


def test_credentials_are_masked_wherever_they_stand() -> None:
    assert masked(r"https://boss:\s/?#s@host/x: no answer") == "https://***@host/x: no answer"
    assert masked("postgresql://ada:secrets@h/db") == "postgresql://***@h/db"
    assert masked("http://ada:love@lace@host:5000/x failed") == "http://***@host:5000/x failed"
    assert masked("postgresql://h/db?user=ada&password=x&a=1").endswith("password=***&a=1")
    assert masked("sqlite:////home/ada@lab/mlflow.db") == "sqlite:////home/ada@lab/mlflow.db"


@pytest.mark.parametrize("length", [0, 1, 2, 49, 50, 51, 1001, 100_000])
def test_thinning_keeps_both_ends_and_its_promise(length: int) -> None:
    kept = rows.thinned(length, 50).tolist()
    assert len(kept) <= min(50, length)
    assert kept == sorted(set(kept))
    assert kept[:1] + kept[-1:] == ([0, length - 1] if length else [])


def test_a_disk_that_is_full_is_waited_for_as_a_server_is() -> None:
    assert is_unreachable(CannotWrite("disk full: no room for mlflow.db"))
