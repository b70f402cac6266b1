"""MLflow rebuilt from the store: twice, in a copied folder, after an experiment was deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest

from sweeps.store.store import Store
from sweeps.study.plan import rerun_runs
from sweeps.study.study import Study
from sweeps.tracking.mlflow_client import open_client
from sweeps.tracking.tracking import Synced, default_tracking_uri, sync
from tests.sweeps.published_runs import all_runs, children, metric_rows, store, study, uri
from tests.sweeps.samples import commit, pinn_run, trajectory_of

__all__ = ["store", "study", "uri"]


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
