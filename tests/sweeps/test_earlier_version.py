"""Stores that version 0.1.0 wrote are read for ever, and never gone on with by other arithmetic."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from shutil import copytree

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pinn_core import numerics
from pinn_core.configuration import RULE
from sweeps.checking.verify import Verification, verify
from sweeps.cli import app
from sweeps.errors import LaterVersion, StudyError
from sweeps.execution.launch import run_study
from sweeps.search.planned import planned_ids, planned_runs
from sweeps.store.folder import StudyFolder
from sweeps.store.kept_study import load_sealed
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.study import Study, load_study

STORES = Path(__file__).parents[1] / "data" / "stores-0.1.0"
NAMES = ["old-methods", "old-search", "old-mixed"]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a study of version 0.1.0, which lies in ``tmp_path``."""
    copytree(STORES / request.param, tmp_path / request.param)
    return str(request.param)


def verified(name: str, runs_dir: Path) -> Verification:
    study, store, results = opened(name, runs_dir)
    return verify(study, store, planned_ids(study, store, results))


def opened(name: str, runs_dir: Path) -> tuple[Study, Store, Results]:
    folder = StudyFolder.of(runs_dir, name)
    study, store = load_sealed(folder.study_file), Store(folder.store)
    return study, store, Results(store, study.metric, folder.passed_over)


def launch(name: str, runs_dir: Path, *overrides: str) -> int:
    return run_study(
        load_study(str(STORES / name / "as-written.yaml"), overrides),
        runs_dir=runs_dir,
        executor="inline",
        console=Console(file=StringIO()),
    )


def raise_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as a program in which what is recorded has changed."""
    monkeypatch.setitem(numerics.KERNELS, "recording", 99)


def test_it_verifies(name: str, tmp_path: Path) -> None:
    verification = verified(name, tmp_path)
    assert verification.findings == []
    assert sum(verification.replayed.values()) == len(opened(name, tmp_path)[1].committed())


@pytest.mark.parametrize(("name", "runs"), [("old-search", 13), ("old-mixed", 6)])
def test_it_syncs(name: str, runs: int, tmp_path: Path) -> None:
    copytree(STORES / name, tmp_path / name)
    for words in (f"{runs} runs written", f"{runs} already there"):
        result = CliRunner().invoke(app, ["sync", name, "--runs-dir", str(tmp_path)])
        assert (result.exit_code, words in result.output) == (0, True), result.output


def test_the_seeds_of_a_model_without_a_search_stay_those_of_its_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sweeps.execution.launch.bring_report_up_to_date", lambda *_: None
    )  # takes seconds
    copytree(STORES / "old-mixed", tmp_path / "old-mixed")
    study, store, results = opened("old-mixed", tmp_path)
    committed = store.committed()
    assert planned_ids(study, store, results) == committed
    later = planned_runs(study.under_rule(RULE), store, results)["regression"]
    manifests = [store.manifest(run_id) for run_id in committed]
    assert {one.seed for one in manifests if one.model == "regression"} == {0, 1}
    assert {run.seed for run in later.rerun} == {1, 2}
    assert launch("old-mixed", tmp_path) == 0
    assert store.committed() == committed


def test_runs_of_other_arithmetic_are_not_replayed_and_verify_says_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_a_number(monkeypatch)
    verification = verified(name, tmp_path)
    runs = len(opened(name, tmp_path)[1].committed())
    changes = ["kernel/recording 1, now 99" in manner for manner in verification.replayed]
    assert verification.findings == []
    assert (all(changes), sum(verification.replayed.values())) == (True, runs)


def test_a_complete_study_is_reported_and_no_run_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(STORES / "old-search", tmp_path / "old-search")
    raise_a_number(monkeypatch)
    before = opened("old-search", tmp_path)[1].committed()
    assert launch("old-search", tmp_path) == 0
    assert opened("old-search", tmp_path)[1].committed() == before
    assert opened("old-search", tmp_path)[0].rule == 1
    assert (tmp_path / "old-search" / "report" / "index.html").is_file()


def test_new_runs_are_not_mixed_with_those_of_an_older_rule(name: str, tmp_path: Path) -> None:
    before = files(tmp_path)
    with pytest.raises(StudyError, match=rf"rule 1, now {RULE}.*name={name}-2"):
        launch(name, tmp_path, "rerun.seeds=3")
    assert files(tmp_path) == before


def test_new_runs_are_not_mixed_with_those_of_other_arithmetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(STORES / "old-search", tmp_path / "old-search")
    sealed = tmp_path / "old-search" / "study.yaml"
    first, _, others = sealed.read_text().partition("\n")
    sealed.write_text(f"{first}; rule {RULE}\n{others}")
    raise_a_number(monkeypatch)
    with pytest.raises(StudyError, match=r"kernel/recording 1, now 99.*name=old-search-2"):
        launch("old-search", tmp_path, "rerun.seeds=3")


def test_a_study_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    copytree(STORES / "old-search", tmp_path / "old-search")
    sealed = tmp_path / "old-search" / "study.yaml"
    first, _, others = sealed.read_text().partition("\n")
    sealed.write_text(f"{first}; rule {RULE + 1}\n{others}")
    with pytest.raises(LaterVersion, match=f"rule {RULE + 1}, this one knows 1 to {RULE}"):
        launch("old-search", tmp_path)
    assert sealed.is_file()


def files(folder: Path) -> set[str]:
    """All files of the studies, but for the lock, MLflow's and the log, which any start makes."""
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    return {name for name in names if not name.endswith(("lock", "log.txt", "mlflow.db"))}
