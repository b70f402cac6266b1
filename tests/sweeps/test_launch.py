"""Studies from file to report in this process: what runs, and what is refused at once."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from pinn_core.engine.backends.build import temporary_folder
from sweeps.errors import StudyError
from sweeps.execution.launch import run_study
from sweeps.store.folder import StudyFolder
from sweeps.store.lock import study_lock
from sweeps.study.plan import rerun_runs, search_run
from sweeps.study.study import load_study
from tests.sweeps.launching import digests, launch, planned, sample, store_of


def test_a_study_runs_from_its_file_to_its_report(done: Path) -> None:
    study = sample(done)
    files = StudyFolder.of(done / "runs", study.name)
    stages = [(one.stage, one.model) for one in store_of(study, done).manifests()]
    assert stages.count(("search", "pinn")) == 4
    assert stages.count(("search", "regression")) == 2
    assert stages.count(("rerun", "pinn")) == stages.count(("rerun", "regression")) == 2
    assert set(digests(study, done)) == planned(study, done)
    assert (files.report / "index.html").is_file()
    assert load_study(str(files.study_file)) == study


def test_every_search_run_is_an_optuna_trial(done: Path) -> None:
    file = StudyFolder.of(done / "runs", "sample").optuna_log
    storage = JournalStorage(JournalFileBackend(str(file)))
    trials = optuna.load_study(study_name="sample pinn", storage=storage).trials
    assert len({trial.user_attrs["run_id"] for trial in trials}) == 4
    assert all(trial.value is not None for trial in trials)
    assert {trial.params["objective.lambda_b"] for trial in trials} == {10.0, 100.0}


def test_the_same_command_again_trains_nothing_and_changes_nothing(done: Path) -> None:
    study = sample(done)
    page = StudyFolder.of(done / "runs", study.name).report / "index.html"
    before = store_of(study, done).manifests(), page.stat().st_mtime_ns
    code, said = launch(study, done)
    assert code == 0
    assert "search pinn" not in said
    assert (store_of(study, done).manifests(), page.stat().st_mtime_ns) == before


@pytest.mark.usefixtures("no_report")
def test_a_model_that_varies_nothing_goes_straight_to_its_seeds(tmp_path: Path) -> None:
    study = sample(tmp_path, "models.regression.space={}", "search.seed=3")
    assert launch(study, tmp_path)[0] == 0
    runs = [one for one in store_of(study, tmp_path).manifests() if one.model == "regression"]
    assert {(one.stage, one.seed) for one in runs} == {("rerun", 4), ("rerun", 5)}


@pytest.mark.usefixtures("no_report")
def test_a_model_of_which_every_run_diverges_is_reported(tmp_path: Path) -> None:
    study = sample(tmp_path, "models.pinn.space={phases.0.learning_rate: [1e30, 1e35]}")
    code, said = launch(study, tmp_path)
    assert code == 1
    assert "pinn: none of its search runs has a final value" in said
    assert "diverged" in said


@pytest.mark.parametrize(
    ("trainer", "reason"),
    [
        ("no_such_module:train", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("pinn_core.training.trainer:fly", "AttributeError: .* 'fly'"),
        ("tests", "AttributeError: "),
    ],
)
def test_a_trainer_that_is_none_is_refused_before_anything_is_created(
    trainer: str, reason: str, tmp_path: Path
) -> None:
    study = sample(tmp_path)
    with pytest.raises(StudyError, match=f"^trainer '{trainer}': {reason}"):
        run_study(study, runs_dir=tmp_path / "runs", executor="inline", trainer=trainer)
    assert not (tmp_path / "runs" / "sample").exists()


def test_a_second_driver_is_refused(done: Path) -> None:
    with (
        study_lock(StudyFolder.of(done / "runs", "sample").path),
        pytest.raises(StudyError, match="locked by"),
    ):
        launch(sample(done), done)


@pytest.mark.usefixtures("no_report")
def test_a_study_says_where_compiled_code_is_if_not_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINN_BACKEND", "eager")  # which compiles nothing
    monkeypatch.setenv("PINN_CACHE", "/proc/pinn")
    code, said = launch(sample(tmp_path), tmp_path)
    assert code == 0
    (line,) = [line for line in said.splitlines() if "compiled code" in line]
    assert f"compiled code is kept in {temporary_folder()}: " in line
    assert "/proc/pinn" in line


def test_a_backend_that_there_is_not_is_refused_before_anything_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINN_BACKEND", "fast")
    with pytest.raises(
        StudyError, match=r"^PINN_BACKEND: unknown backend 'fast': allowed are auto"
    ):
        launch(sample(tmp_path), tmp_path)
    assert not (tmp_path / "runs" / "sample").exists()


@pytest.mark.usefixtures("no_report")
def test_a_study_says_first_that_nothing_can_be_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "nothing-plus")
    code, said = launch(sample(tmp_path), tmp_path)
    assert code == 0
    (line,) = [line for line in said.splitlines() if "backend" in line]
    assert line.startswith("the eager backend serves, slower than the native one: ")
    assert "nothing-plus" in line


@pytest.mark.usefixtures("no_report")
def test_packs_do_not_change_a_bit(done: Path, tmp_path: Path) -> None:
    study = sample(tmp_path, "resources.pack=1")
    assert launch(study, tmp_path)[0] == 0
    assert digests(study, tmp_path) == digests(study, done)


def test_reruns_have_seeds_of_their_own(done: Path) -> None:
    study = sample(done)
    chosen = search_run(study, "pinn", {"phases.0.learning_rate": 1e-3})
    assert [run.seed for run in rerun_runs(study, "pinn", [chosen])] == [1, 2]
