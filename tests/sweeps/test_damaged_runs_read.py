"""A damaged run stops what needs all runs of a study, and the message says what to do."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

import pinn_sweeps as ps
from pinn_core.records.trajectory import Manifest, TrajectoryError
from sweeps.errors import StudyError
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from tests.sweeps.command import pinn_sweep
from tests.sweeps.launching import launch, sample


@pytest.fixture
def runs(done: Path, tmp_path: Path) -> Path:
    copytree(done / "runs", tmp_path / "runs")
    return tmp_path / "runs"


def rerun_of(runs: Path) -> Manifest:
    """A rerun of the model pinn."""
    manifests = Store(StudyFolder.of(runs, "sample").store).manifests()
    return next(one for one in manifests if (one.model, one.stage) == ("pinn", "rerun"))


def file_of(runs: Path, manifest: Manifest, ending: str) -> Path:
    return Path(StudyFolder.of(runs, "sample").store) / f"{manifest.run_id}.{ending}"


def says_what_to_do(message: str, runs: Path, file: Path) -> None:
    assert file.name in message
    assert f"pinn-sweep run sample --runs-dir {runs}" in message
    assert f"pinn-sweep verify sample --runs-dir {runs}" in message
    assert message.count("pinn-sweep run sample") == 1


@pytest.mark.usefixtures("no_report")
def test_a_cut_manifest_is_refused_and_the_advice_repairs_it(runs: Path, tmp_path: Path) -> None:
    file = file_of(runs, rerun_of(runs), "json")
    file.write_bytes(file.read_bytes()[:10])
    for words in (("export", "sample", "--to", "csv"), ("report", "sample")):
        code, said, message = pinn_sweep(*words, "--runs-dir", runs)
        assert (code, said) == (2, "")
        assert message.startswith("pinn-sweep: study 'sample': ")
        says_what_to_do(message, runs, file)
    with pytest.raises(TrajectoryError) as refused:
        ps.load("sample", runs)
    says_what_to_do(str(refused.value), runs, file)
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    assert ps.load("sample", runs).best("pinn").manifest.model == "pinn"


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_run_without_its_sound_table_is_named(runs: Path, damage: str) -> None:
    results, run = ps.load("sample", runs), rerun_of(runs)
    file = file_of(runs, run, "parquet")
    file.unlink() if damage == "missing" else file.write_bytes(b"no table")
    with pytest.raises(TrajectoryError, match=f"{damage}") as unread:
        results.trajectory(run.run_id)
    says_what_to_do(str(unread.value), runs, file)
    with pytest.raises(StudyError, match=f"{damage}") as no_best:
        results.best("pinn")
    says_what_to_do(str(no_best.value), runs, file)
    code, _, message = pinn_sweep("export", "sample", "--to", "csv", "--runs-dir", runs)
    assert code == 2
    says_what_to_do(message, runs, file)


def test_a_manifest_of_a_later_version_is_not_called_damaged(runs: Path) -> None:
    file = file_of(runs, rerun_of(runs), "json")
    file.write_text(file.read_text().replace('"schema_version": ', '"schema_version": 9', 1))
    with pytest.raises(TrajectoryError) as refused:
        ps.load("sample", runs)
    assert "pinn-sweep run" not in str(refused.value)
