"""Files of a study that are damaged or lost: named, set aside, done again."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from sweeps.errors import StudyError
from sweeps.store.folder import StudyFolder
from tests.sweeps.launching import digests, launch, sample, store_of
from tests.sweeps.samples import pinn_run


@pytest.mark.usefixtures("no_report")
def test_damaged_files_are_set_aside_and_done_again(done: Path, tmp_path: Path) -> None:
    study = sample(tmp_path)
    assert launch(study, tmp_path)[0] == 0
    file = Path(store_of(study, tmp_path).where(pinn_run(study).run_id))
    file.write_bytes(file.read_bytes()[:-100])
    code, said = launch(study, tmp_path)
    assert code == 0
    assert f"set aside, will be done again: {file}" in said
    assert digests(study, tmp_path) == digests(study, done)


@pytest.mark.usefixtures("no_report")
def test_a_run_damaged_while_the_driver_works_is_named_and_done_again(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", "after_rename@4:flip")  # the first manifest
    study = sample(tmp_path)
    code, said = launch(study, tmp_path)
    assert code == 1
    assert "run the same command again" in said
    monkeypatch.delenv("SWEEP_FAULT")
    assert launch(study, tmp_path)[0] == 0
    assert digests(study, tmp_path) == digests(study, done)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("damage", ["edited", "emptied", "binary", "removed"])
def test_a_damaged_study_file_is_set_aside_and_written_again(
    damage: str, done: Path, tmp_path: Path
) -> None:
    copytree(done / "runs", tmp_path / "runs")
    file = tmp_path / "runs" / "sample" / "study.yaml"
    whole = file.read_bytes()
    edited = whole.replace(b"steps: 6", b"steps: 7")
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes({"edited": edited, "emptied": b"", "binary": bytes(range(256))}[damage])
    code, said = launch(sample(tmp_path), tmp_path)
    assert code == 0
    assert file.read_bytes() == whole
    assert (f"set aside, will be done again: {file}" in said) == (damage != "removed")
    assert digests(sample(tmp_path), tmp_path) == digests(sample(tmp_path), done)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("content", [b"", b'{"op_code": 0, "work', bytes(range(256))])
def test_a_damaged_optuna_log_is_written_again(content: bytes, done: Path, tmp_path: Path) -> None:
    copytree(done / "runs", tmp_path / "runs")
    file = StudyFolder.of(tmp_path / "runs", "sample").optuna_log
    file.write_bytes(content)
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    storage = JournalStorage(JournalFileBackend(str(file)))
    assert len(optuna.load_study(study_name="sample pinn", storage=storage).trials) == 4


@pytest.mark.parametrize("damage", [None, "damaged"])
@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("search.seed=1", 6),  # reruns are judged when the search has chosen
        ("base.network.width=5", 6),
        ("rerun.seeds=1", 2),
        ("models.pinn.space.objective.lambda_b=[10.0]", 4),  # with the best
    ],
)
def test_without_a_sound_study_file_the_store_says_what_was_planned(
    damage: str | None, change: str, lost: int, done: Path, tmp_path: Path
) -> None:
    copytree(done / "runs", tmp_path / "runs")
    file = tmp_path / "runs" / "sample" / "study.yaml"
    file.write_text(damage) if damage else file.unlink()
    with pytest.raises(StudyError, match=rf"\b{lost} runs in .* are not planned by the study"):
        launch(sample(tmp_path, change), tmp_path)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("content", [b"[", b'{"a": 1}', b'["../../x"]', b"\xff"])
def test_a_damaged_list_of_runs_passed_over_is_set_aside(
    content: bytes, done: Path, tmp_path: Path
) -> None:
    copytree(done / "runs", tmp_path / "runs")
    files = StudyFolder.of(tmp_path / "runs", "sample")
    passed_over = Path(str(files.passed_over))
    passed_over.write_bytes(content)
    code, said = launch(sample(tmp_path), tmp_path)
    assert code == 0
    assert f"{files.passed_over}: damaged" in said
    assert passed_over.with_name("passed-over.json.set-aside").read_bytes() == content
