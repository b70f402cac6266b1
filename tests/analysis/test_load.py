"""A study read from its store and from MLflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.load import NoRuns, StudyData, from_mlflow, from_store
from pinn_core.records.trajectory import Manifest, TrajectoryError

Make = Callable[..., pd.DataFrame]
Commit = Callable[..., Manifest]


@pytest.fixture
def manifests(commit: Commit, trajectory: Make) -> list[Manifest]:
    """A search run of each of two widths, a rerun of the better one, and one that diverged."""
    broken = trajectory(flat=100)
    broken.loc[50:] = None
    rate = {"phases.0.learning_rate": 0.001}
    configuration = {"phases": [{"kind": "adam", "learning_rate": 0.001}]}
    return [
        commit(
            trajectory(flat=flat),
            stage=stage,
            seed=seed,
            varied={"network.width": width, **rate},
            configuration={"network": {"kind": "mlp", "width": width}, **configuration},
        )
        for flat, stage, seed, width in [
            (210, "rerun", 1, 64),
            (200, "search", 0, 64),
            (250, "search", 0, 128),
        ]
    ] + [commit(broken, model="regression", diverged_at=50)]


@pytest.fixture
def study(manifests: list[Manifest], tmp_path: Path) -> StudyData:
    return from_store(tmp_path / "store", "rest")


def test_runs_are_described_by_their_manifests(study: StudyData, manifests: list[Manifest]) -> None:
    assert set(study.runs.index) == {manifest.run_id for manifest in manifests}
    run = study.runs.loc[manifests[2].run_id]
    assert run["model"] == "pinn"
    assert run["network.width"] == 128
    assert run["phases.0.kind"] == "adam"
    assert run["environment.torch"] == "2.13.0"
    assert run["setting"] == "network.width=128, phases.0.learning_rate=0.001"
    assert run["steps"] == 400
    assert pd.isna(run["diverged_at"])
    assert study.runs.loc[manifests[3].run_id, "diverged_at"] == 50


def test_runs_are_in_the_order_of_model_stage_and_seed(study: StudyData) -> None:
    assert study.runs[["model", "stage", "seed"]].values.tolist() == [
        ["pinn", "search", 0],
        ["pinn", "search", 0],
        ["pinn", "rerun", 1],
        ["regression", "rerun", 0],
    ]


def test_what_was_varied_is_known(study: StudyData) -> None:
    assert study.varied == ["network.width", "phases.0.learning_rate"]


def test_a_trajectory_is_what_was_committed(
    study: StudyData, manifests: list[Manifest], trajectory: Make
) -> None:
    found = study.trajectory(manifests[1].run_id)
    expected = trajectory(flat=200)
    pd.testing.assert_frame_equal(found.drop(columns="sketch"), expected.drop(columns="sketch"))
    assert found["sketch"].dropna().map(list).to_dict() == expected["sketch"].dropna().to_dict()


def test_an_unknown_run_is_refused(study: StudyData) -> None:
    with pytest.raises(KeyError, match="study 'rest' has no run 'nobody'"):
        study.trajectory("nobody")


def test_a_store_may_be_given_as_a_uri(study: StudyData, tmp_path: Path) -> None:
    same = from_store((tmp_path / "store").as_uri(), "rest")
    pd.testing.assert_frame_equal(same.runs, study.runs)
    assert len(same.trajectory(same.runs.index[0])) == 401


def test_a_parquet_file_without_its_manifest_is_not_a_run(
    manifests: list[Manifest], tmp_path: Path
) -> None:
    (tmp_path / "store" / f"{manifests[0].run_id}.json").unlink()
    assert len(from_store(tmp_path / "store", "rest").runs) == len(manifests) - 1


@pytest.mark.parametrize("made", [True, False])
def test_an_empty_store_is_named(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "store").mkdir()
    with pytest.raises(NoRuns, match="store: no committed run"):
        from_store(tmp_path / "store", "rest")


def test_a_swapped_trajectory_is_refused(manifests: list[Manifest], tmp_path: Path) -> None:
    one, other = (tmp_path / "store" / f"{manifest.run_id}.parquet" for manifest in manifests[:2])
    one.write_bytes(other.read_bytes())
    study = from_store(tmp_path / "store", "rest")
    with pytest.raises(TrajectoryError, match=rf"{one.name}: damaged: .*sha256 is not"):
        study.trajectory(manifests[0].run_id)


def test_a_damaged_manifest_is_named(manifests: list[Manifest], tmp_path: Path) -> None:
    (tmp_path / "store" / f"{manifests[0].run_id}.json").write_text('{"run_id":')
    with pytest.raises(TrajectoryError, match=rf"{manifests[0].run_id}\.json: not a manifest"):
        from_store(tmp_path / "store", "rest")


def test_a_swapped_manifest_is_refused(manifests: list[Manifest], tmp_path: Path) -> None:
    one, other = (tmp_path / "store" / f"{manifest.run_id}.json" for manifest in manifests[:2])
    one.write_bytes(other.read_bytes())
    with pytest.raises(TrajectoryError, match=rf"{one.name}: is .* another run, {other.stem}"):
        from_store(tmp_path / "store", "rest")


def test_a_changed_frame_changes_nobody_elses(study: StudyData) -> None:
    run_id = study.runs.index[0]
    mine = study.trajectory(run_id)
    mine["loss/regression"] = 0.0
    mine.loc[3, "update/norm"] = 0.0
    assert (study.trajectory(run_id)["loss/regression"] > 0).all()
    assert study.trajectory(run_id).loc[3, "update/norm"] == 0.5


@pytest.fixture
def published(manifests: list[Manifest], tmp_path: Path) -> str:
    """The same runs in MLflow, with a parent, an orphan and a second publication beside them."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("rest", (tmp_path / "artifacts").as_uri())

    def publish(tags: dict[str, Any], status: str, run_id: str | None = None) -> None:
        run = client.create_run(experiment, tags=tags).info.run_id
        for file in (tmp_path / "store").glob(f"{run_id}.*"):
            client.log_artifact(run, str(file), "trajectory")
        client.set_terminated(run, status)

    publish({"stage": "search", "model": "pinn"}, "FINISHED")
    for manifest in [*manifests, manifests[0]]:
        publish({"run_id": manifest.run_id}, "FINISHED", manifest.run_id)
    publish({"run_id": "0" * 16}, "FAILED")
    return uri


def test_mlflow_gives_the_same_study_as_the_store(
    published: str,
    study: StudyData,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "")  # remembered, to be restored
    monkeypatch.delenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR")
    capfd.readouterr()
    same = from_mlflow(published, "rest")
    assert same.name == study.name
    assert same.varied == study.varied
    pd.testing.assert_frame_equal(same.runs, study.runs)
    for run_id in study.runs.index:
        found, expected = (each.trajectory(run_id).drop(columns="sketch") for each in (same, study))
        pd.testing.assert_frame_equal(found, expected)
    assert "artifacts" not in capfd.readouterr().err
    with pytest.raises(NoRuns, match=r"no experiment 'rset', found .*did you mean 'rest'"):
        from_mlflow(published, "rset")
    with pytest.raises(NoRuns, match="experiment 'Default' has no finished run of a study"):
        from_mlflow(published, "Default")
