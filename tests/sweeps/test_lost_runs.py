"""A study that lost a run: what ``status`` and ``verify`` say of those that are still there."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from pinn_core.records.trajectory import Manifest
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from tests.sweeps.command import pinn_sweep


@pytest.fixture
def runs(done: Path, tmp_path: Path) -> Path:
    """A copy of the runs folder in which the model pinn has lost a run of its search."""
    copytree(done / "runs", tmp_path / "runs")
    lost = committed(tmp_path / "runs", "search")[0]
    for file in store_of(tmp_path / "runs").glob(f"{lost.run_id}.*"):
        file.unlink()
    return tmp_path / "runs"


def store_of(runs: Path) -> Path:
    return Path(StudyFolder.of(runs, "sample").store)


def committed(runs: Path, stage: str) -> list[Manifest]:
    """The committed runs of the model pinn."""
    manifests = Store(str(store_of(runs))).manifests()
    return [one for one in manifests if (one.model, one.stage) == ("pinn", stage)]


def test_status_counts_the_reruns_that_are_committed(runs: Path) -> None:
    reruns = len(committed(runs, "rerun"))
    code, said, _ = pinn_sweep("status", "sample", "--runs-dir", runs)
    assert code == 0
    assert f" {reruns}/?" in said
    state = json.loads(pinn_sweep("status", "sample", "--runs-dir", runs, "--json")[1])
    (stage,) = (one for one in state["stages"] if (one["model"], one["stage"]) == ("pinn", "rerun"))
    assert (stage["done"], stage["total"], state["complete"]) == (reruns, None, False)
    assert stage["best_run"] in {one.run_id for one in committed(runs, "rerun")}


@pytest.mark.parametrize("ending", ["parquet", "json"])
def test_a_damaged_rerun_is_not_unplanned_because_a_search_run_is_lost(
    runs: Path, ending: str
) -> None:
    damaged = committed(runs, "rerun")[0].run_id
    file = store_of(runs) / f"{damaged}.{ending}"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    _, said, _ = pinn_sweep("verify", "sample", "--runs-dir", runs, "--json")
    findings = json.loads(said)["findings"]
    of_the_run = [one["name"] for one in findings if one["run_id"] == damaged]
    assert of_the_run == ["damaged"]
    assert "unplanned" not in {one["name"] for one in findings}
