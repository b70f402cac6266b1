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
from tests.sweeps.published_runs import (
    all_runs,
    children,
    metric_rows,
    parents,
    publish,
    store,
    study,
    uri,
)
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
    publish(uri, store, study)
    found = parents(uri, study)
    assert sorted(found) == ["rerun pinn", "search pinn"]
    rerun = found["rerun pinn"].info
    assert (rerun.status, rerun.end_time) == ("FINISHED", 201_000)
    own = [run for run in children(uri, study) if run.data.tags["stage"] == "rerun"]
    assert {run.data.tags["mlflow.parentRunId"] for run in own} == {rerun.run_id}


def test_a_parent_has_the_medians_of_its_runs_and_says_what_they_are(
    uri: str, store: Store, study: Study
) -> None:
    runs = [pinn_run(study, learning_rate=rate) for rate in (0.1, 0.01, 0.001)]
    for run in runs:
        commit(store, run, trajectory_of(run))
    publish(uri, store, study)
    parent = parents(uri, study)["search pinn"]
    name = "final.loss/regression"
    values = {run.run_id: store.read(run.run_id).table[name[6:]][-1].as_py() for run in runs}
    assert parent.data.metrics["runs"] == 3
    assert parent.data.metrics[name] == sorted(values.values())[1]
    best = min(values, key=lambda run_id: values[run_id])
    said = parent.data.tags["mlflow.note.content"]
    assert f"The best run is pinn {best[:8]}: {name} {values[best]:.4g}" in said
    added = pinn_run(study, learning_rate=0.0001)
    commit(store, added, trajectory_of(added, diverged_at=7))
    publish(uri, store, study)
    parent = parents(uri, study)["search pinn"]
    assert (parent.data.metrics["runs"], parent.data.metrics["diverged"]) == (4, 1)
    assert parent.data.metrics[name] == sorted(values.values())[1]
    assert "Of these 1 diverged" in parent.data.tags["mlflow.note.content"]


def test_the_report_is_a_run_to_which_all_descriptions_lead(
    uri: str, store: Store, study: Study, tmp_path: Path
) -> None:
    run = pinn_run(study)
    commit(store, run, trajectory_of(run), started=100.0, seconds=1.0)
    report = tmp_path / "report"
    (report / "figures").mkdir(parents=True)
    for file in ("index.html", "figures/1.png"):
        (report / file).write_text(file)
    for _ in range(2):
        publisher = Publisher(uri, store, study)
        publisher.start()
        publisher.log_report(report)
        publisher.finish()
        publisher.close()
    (made,) = [run for run in all_runs(uri, study) if run.data.tags.get("role") == "report"]
    assert (made.info.status, made.info.start_time) == ("FINISHED", 101_000)
    client = open_client(uri)
    page = client.download_artifacts(made.info.run_id, "report/index.html", str(tmp_path))
    assert Path(page).read_text() == "index.html"
    (figure,) = client.list_artifacts(made.info.run_id, "report/figures")
    assert figure.path == "report/figures/1.png"
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    link = f"runs/{made.info.run_id}/artifacts/report/index.html"
    said = [experiment.tags, parents(uri, study)["search pinn"].data.tags]
    assert all(link in tags["mlflow.note.content"] for tags in said)


def test_a_description_that_somebody_wrote_stays(uri: str, store: Store, study: Study) -> None:
    run = pinn_run(study)
    commit(store, run, trajectory_of(run))
    publish(uri, store, study)
    client = open_client(uri)
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    client.set_experiment_tag(experiment.experiment_id, "mlflow.note.content", "Mine.")
    publish(uri, store, study)
    assert client.get_experiment(experiment.experiment_id).tags["mlflow.note.content"] == "Mine."


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
