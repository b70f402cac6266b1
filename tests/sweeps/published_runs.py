"""Runs published to one MLflow database, and what it holds of them: for the tests of tracking."""

from __future__ import annotations

import re
import socket
import sqlite3
from pathlib import Path

import pytest
from mlflow.entities import Run as MlflowRun

from sweeps.store.store import Store
from sweeps.study.study import Study
from sweeps.tracking.mlflow_client import open_client, search_runs
from sweeps.tracking.tracking import Publisher, default_tracking_uri
from tests.sweeps.samples import sample_study


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
