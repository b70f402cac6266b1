"""MLflow must say what the store says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sweeps.store.store import Store
from sweeps.tracking.mlflow_client import open_client, search_runs
from sweeps.tracking.tracking import default_tracking_uri, sync
from tests.sweeps.samples import sample_study
from tests.sweeps.spoiling import Sample, good, sample

__all__ = ["good", "sample"]


@pytest.fixture(scope="module")
def uri(good: Path) -> str:
    """MLflow as the good study's store has it."""
    address = default_tracking_uri(good)
    sync(sample_study(good), Store(str(good / "store")), address)
    return address


def add_running(client: MlflowClient, experiment: str, run: str) -> None:
    client.create_run(experiment)


def add_twin(client: MlflowClient, experiment: str, run: str) -> None:
    tags = client.get_run(run).data.tags
    client.set_terminated(client.create_run(experiment, tags=tags).info.run_id)


def delete(client: MlflowClient, experiment: str, run: str) -> None:
    client.delete_run(run)


def change_tag(client: MlflowClient, experiment: str, run: str) -> None:
    client.set_tag(run, "seed", "1")


def add_point(client: MlflowClient, experiment: str, run: str) -> None:
    client.log_metric(run, "loss/regression", 0.5, timestamp=1, step=0)


def kill(client: MlflowClient, experiment: str, run: str) -> None:
    client.update_run(run, "KILLED")


def in_database(client: MlflowClient, statement: str, run: str) -> None:
    """What MLflow itself refuses to do, done to its database."""
    with closing(sqlite3.connect(client.tracking_uri.removeprefix("sqlite:///"))) as database:
        assert database.execute(statement, [run]).rowcount == 1
        database.commit()


def change_parameter(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update params set value = '0.5' where key = 'phases.0.learning_rate'"
    in_database(client, f"{statement} and run_uuid = ?", run)


def change_point(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update metrics set value = value * 1.0000001 where key = 'loss/regression'"
    in_database(client, f"{statement} and step = 40 and run_uuid = ?", run)


def change_summary(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update latest_metrics set value = value * 1.0000001 where key = 'final.{}'"
    in_database(client, f"{statement.format('loss/regression')} and run_uuid = ?", run)


def change_last_point(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update latest_metrics set value = value * 1.0000001 where key = 'loss/regression'"
    in_database(client, f"{statement} and run_uuid = ?", run)


def shift_point(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update metrics set step = 19 where key = 'full/loss/residual'"
    in_database(client, f"{statement} and step = 20 and run_uuid = ?", run)


def remove_point(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "delete from metrics where key = 'loss/regression' and step = 40"
    in_database(client, f"{statement} and run_uuid = ?", run)


@pytest.mark.parametrize(
    "spoil",
    [
        None,
        remove_point,
        add_running,
        add_twin,
        delete,
        change_tag,
        change_parameter,
        add_point,
        change_point,
        change_summary,
        change_last_point,
        shift_point,
        kill,
    ],
)
def test_mlflow_must_say_what_the_store_says(
    good: Path, uri: str, spoil: Callable[[MlflowClient, str, str], None] | None
) -> None:
    sample = Sample(good)
    client = open_client(uri)
    experiment = client.get_experiment_by_name(sample.study.name).experiment_id
    condition = f"tags.run_id = '{sample.first.run_id}'"
    (run,) = search_runs(client, experiment, condition)
    if spoil:
        spoil(client, experiment, run.info.run_id)
    found = {name for name, _ in sample.found(tracking_uri=uri)}
    assert found == ({"mlflow"} if spoil else set())
    for each in search_runs(client, experiment):
        client.delete_run(each.info.run_id)
    sync(sample.study, sample.store, uri)


def test_no_mlflow_at_all_is_found_and_not_created(sample: Sample, tmp_path: Path) -> None:
    address = default_tracking_uri(tmp_path / "elsewhere")
    assert sample.found(tracking_uri=address) == {("mlflow", None)}
    assert not (tmp_path / "elsewhere").exists()
