"""Runs as MLflow shows them: what is published of a run, of its stage, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.store.store import Store
from sweeps.study.plan import rerun_runs
from sweeps.study.study import Study
from sweeps.tracking import publishing, rows
from sweeps.tracking.mlflow_client import open_client
from sweeps.tracking.tracking import Publisher
from sweeps.tracking.writers import ClientWriter
from tests.sweeps.published_runs import children, metric_rows, parents, publish, store, study, uri
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of, with_value

__all__ = ["store", "study", "uri"]


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


@pytest.mark.parametrize("length", [0, 1, 2, 49, 50, 51, 1001, 100_000])
def test_thinning_keeps_both_ends_and_its_promise(length: int) -> None:
    kept = rows.thinned(length, 50).tolist()
    assert len(kept) <= min(50, length)
    assert kept == sorted(set(kept))
    assert kept[:1] + kept[-1:] == ([0, length - 1] if length else [])
