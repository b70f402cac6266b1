"""A whole study whose search goes by steps to a level, over several seeds, given up in waves."""

from __future__ import annotations

import shutil
from collections import Counter
from io import StringIO
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from rich.console import Console

from pinn_core.configuration import canonical_json
from sweeps.checking.verify import verify
from sweeps.display.status import status_table, study_status
from sweeps.execution.launch import run_study
from sweeps.search.planned import planned_ids
from sweeps.store.folder import StudyFolder
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.study import Study
from tests.sweeps.samples import sample_study

LEVEL = 3.0
OVER_SEEDS = (
    f"search.metric=steps_to(loss/regression, {LEVEL})",
    "search.seeds=6",
    "search.pruner={kind: wilcoxon, first_seeds: 4}",
    "models.pinn.space={phases.0.learning_rate: [1e-3, 3e-2, 1e-1]}",
    "models.regression.space={phases.0.learning_rate: [1e-3, 3e-2]}",
    "rerun.seeds=1",
)


def sample(folder: Path) -> Study:
    return sample_study(folder, *OVER_SEEDS)


def launch(folder: Path) -> str:
    screen = StringIO()
    code = run_study(
        sample(folder),
        runs_dir=folder / "runs",
        tracking_uri=f"sqlite:///{folder}/mlflow.db",
        executor="inline",
        console=Console(file=screen, width=200),
    )
    assert code == 0
    return screen.getvalue()


def files_of(folder: Path) -> StudyFolder:
    return StudyFolder.of(folder / "runs", "sample")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the study ran undisturbed, and what it said."""
    folder = tmp_path_factory.mktemp("done")
    return folder, launch(folder)


def seeds_by_configuration(folder: Path) -> Counter[str]:
    """How many seeds of the search each configuration has, by model and point."""
    found = Store(files_of(folder).store).manifests()
    return Counter(
        f"{one.model} {canonical_json(one.varied)}" for one in found if one.stage == "search"
    )


def test_slow_configurations_get_the_first_seeds_only(done: tuple[Path, str]) -> None:
    folder, said = done
    seeds = seeds_by_configuration(folder)
    assert set(seeds.values()) == {4, 6}
    assert all(count == 4 for name, count in seeds.items() if "0.001" in name)
    assert "configurations that are worse after 4 seeds get no more" in said
    assert "not reached, >= 40" in said


def test_the_quickest_median_is_run_again(done: tuple[Path, str]) -> None:
    folder, _ = done
    study, files = sample(folder), files_of(folder)
    store = Store(files.store)
    results = Results(store, study.metric, files.passed_over)
    reruns = [one for one in store.manifests() if one.stage == "rerun"]
    assert {one.seed for one in reruns} == {6}
    status = study_status(study, files)
    assert status.complete
    best = {one.model: one for one in status.stages if one.stage == "search"}
    for one in reruns:
        chosen = store.manifest(best[one.model].best_run or "")
        assert (chosen.varied, chosen.seed) == (one.varied, 0)
    assert verify(study, store, planned_ids(study, store, results)).findings == []
    assert status_table(status, str(study.metric)).row_count == 4


def test_a_study_cut_short_between_waves_makes_the_same_runs(
    done: tuple[Path, str], tmp_path: Path
) -> None:
    shutil.copytree(done[0], tmp_path, dirs_exist_ok=True)
    store = files_of(tmp_path).store
    for one in Store(store).manifests():
        if one.seed >= 3:  # in the middle of the first wave of every configuration
            for file in Path(store).glob(f"{one.run_id}.*"):
                file.unlink()
    (tmp_path / "mlflow.db").unlink()  # its journal stays, which is none of the next one's
    assert "not in MLflow" not in launch(tmp_path)
    again = {one.run_id: one.digest for one in Store(store).manifests()}
    assert again == {one.run_id: one.digest for one in Store(files_of(done[0]).store).manifests()}


def test_optuna_reads_medians_with_the_values_of_the_seeds(done: tuple[Path, str]) -> None:
    folder, _ = done
    storage = JournalStorage(JournalFileBackend(str(files_of(folder).optuna_log)))
    trials = optuna.load_study(study_name="sample pinn", storage=storage).trials
    seeds = seeds_by_configuration(folder)
    assert len(trials) == sum(name.startswith("pinn") for name in seeds)
    for trial in trials:
        given_up = trial.state.name == "PRUNED"
        assert len(trial.intermediate_values) == (4 if given_up else 6)
    assert "COMPLETE" in {trial.state.name for trial in trials}


def test_the_report_ranks_by_the_metric(done: tuple[Path, str]) -> None:
    page = (files_of(done[0]).report / "index.html").read_text()
    assert f"steps_to(loss/regression, {LEVEL:g})" in page
    assert "not reached" in page
