"""MLflow is away, slow, loses answers or finds damaged runs: nothing is published twice or lost."""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from sweeps.store.store import Store
from sweeps.store.writing import CannotWrite
from sweeps.study.study import Study
from sweeps.tracking import publishing, tracking
from sweeps.tracking.mlflow_client import is_unreachable, open_client
from sweeps.tracking.tracking import Publisher, sync
from sweeps.tracking.writers import Child, ClientWriter, DatabaseWriter
from tests.sweeps.published_runs import (
    all_runs,
    children,
    free_port,
    metric_rows,
    parents,
    publish,
    store,
    study,
    uri,
)
from tests.sweeps.samples import commit, pinn_run, trajectory_of

__all__ = ["store", "study", "uri"]


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


def test_a_disk_that_is_full_is_waited_for_as_a_server_is() -> None:
    assert is_unreachable(CannotWrite("disk full: no room for mlflow.db"))
