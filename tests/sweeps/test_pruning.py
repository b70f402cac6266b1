"""Studies whose searches prune: what stops, what is chosen, and what a killed study makes of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from rich.console import Console

from analysis.metric import Metric, Unreached
from pinn_core.records.trajectory import Manifest, Trajectory
from pinn_core.training.trainer import Member, environment, train
from sweeps.checking.verify import verify
from sweeps.display.status import study_status
from sweeps.errors import StudyError
from sweeps.execution import launch as launch_module
from sweeps.execution.context import WorkerContext
from sweeps.execution.launch import run_study
from sweeps.execution.pruning import pruning_of
from sweeps.execution.stage import Listed, Stage
from sweeps.execution.trainable import result_of, values_of
from sweeps.execution.training import train_pack
from sweeps.search.planned import planned_ids
from sweeps.search.search import ModelSearch
from sweeps.search.selection import Selection
from sweeps.store import faults
from sweeps.store.cohorts import Cohort, cohort_of, cohorts
from sweeps.store.folder import StudyFolder
from sweeps.store.results import Pruned, Results, outcome_of
from sweeps.store.store import Store
from sweeps.study.plan import PackPlan, Run, make_pack
from sweeps.study.study import Study
from tests.sweeps.samples import commit, sample_study, trajectory_of, with_value

METRIC = "loss/regression"
LOWEST = Metric.read(METRIC)
HALVING = (
    "search.pruner={kind: successive_halving, min_resource: 2, reduction_factor: 2}",
    "base.phases.0.steps=6",
    "base.network.width=3",
    "models.pinn.space.objective.lambda_b=[10.0]",
    "models.pinn.space.phases.0.learning_rate=[1e-2, 3e-3, 1e-4, 3e-4, 3e-2, 1e-3]",
    "resources.pack=4",
    "resources.retries=0",
    "rerun.seeds=1",
)


@pytest.fixture(autouse=True)
def no_fault_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "reached", Counter())


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)


def sample(folder: Path, *overrides: str) -> Study:
    return sample_study(folder, *HALVING, *overrides)


def launch(study: Study, folder: Path) -> tuple[int, str]:
    screen = StringIO()
    code = run_study(
        study,
        runs_dir=folder / "runs",
        tracking_uri=f"sqlite:///{folder.parent}/mlflow.db",
        executor="inline",
        console=Console(file=screen, width=200),
    )
    return code, screen.getvalue()


def files_of(study: Study, folder: Path) -> tuple[StudyFolder, Store]:
    files = StudyFolder.of(folder / "runs", study.name)
    return files, Store(files.store)


def manifests(study: Study, folder: Path) -> dict[str, Manifest]:
    return {one.run_id: one for one in files_of(study, folder)[1].manifests()}


def what_is_kept(study: Study, folder: Path) -> dict[str, tuple[str, int | None]]:
    found = manifests(study, folder)
    return {run_id: (one.digest, one.pruned_at) for run_id, one in found.items()}


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    return ModelSearch(sample(tmp_path), "pinn").ask()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the study ran undisturbed."""
    folder = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        assert launch(sample(folder), folder)[0] == 0
    return folder


def test_a_pruned_run_is_done_and_ends_early(done: Path) -> None:
    study = sample(done)
    files, store = files_of(study, done)
    found = manifests(study, done)
    search = [one for one in found.values() if one.stage == "search"]
    pruned = [one for one in search if one.pruned_at is not None]
    assert len(search) == 8
    assert {one.pruned_at for one in pruned} == {2, 4}
    for one in pruned:
        trajectory = store.read(one.run_id)
        assert one.steps == one.pruned_at == trajectory.pruned_at
        assert trajectory.table["step"].to_pylist() == list(range(one.steps + 1))
    results = Results(store, LOWEST, files.passed_over)
    assert verify(study, store, planned_ids(study, store, results)).findings == []
    assert study_status(study, files).complete


def test_what_is_run_again_was_never_pruned(done: Path) -> None:
    found = manifests(sample(done), done).values()
    reruns = [one for one in found if one.stage == "rerun"]
    chosen = [(one.model, one.varied) for one in reruns]
    assert all(one.pruned_at is None and one.steps == 6 for one in reruns)
    assert len(chosen) == 2
    for one in found:
        if one.stage == "search" and (one.model, one.varied) in chosen:
            assert one.pruned_at is None


def test_pruned_runs_are_pruned_trials(done: Path) -> None:
    study = sample(done)
    found = manifests(study, done)
    storage = JournalStorage(
        JournalFileBackend(str(StudyFolder.of(done / "runs", "sample").optuna_log))
    )
    trials = optuna.load_study(study_name="sample pinn", storage=storage).trials
    for trial in trials:
        manifest = found[trial.user_attrs["run_id"]]
        assert (trial.state == TrialState.PRUNED) == (manifest.pruned_at is not None)
        assert trial.last_step == manifest.pruned_at


def test_the_same_command_again_trains_nothing(done: Path) -> None:
    before = manifests(sample(done), done)
    code, said = launch(sample(done), done)
    assert code == 0
    assert "stopped at" not in said
    assert "pruner successive_halving, runs stop early by loss/regression" in said
    assert manifests(sample(done), done) == before


@pytest.mark.parametrize(
    "fault",
    [
        *(pytest.param(f"after_rename@{time}", marks=pytest.mark.slow) for time in (3, 5)),
        "in_step:3@2",
    ],
)
def test_a_study_that_died_prunes_as_if_it_had_not(
    fault: str, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Not an error that anyone handles."""

    site, _, count = fault.partition("@")
    met = Counter[str]()

    def die(at: str, *_: object) -> None:
        met[at] += 1
        if at == site and met[at] == int(count):
            raise Killed

    study = sample(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("sweeps.execution.training.reach", die)
        patch.setattr("sweeps.store.blob_store.reach", die)
        with pytest.raises(Killed):
            launch(study, tmp_path)
    assert len(manifests(study, tmp_path)) < len(manifests(study, done))
    assert launch(study, tmp_path)[0] == 0
    assert what_is_kept(study, tmp_path) == what_is_kept(study, done)


def test_a_changed_pruner_is_refused_while_there_are_pruned_runs(done: Path) -> None:
    with pytest.raises(StudyError, match=r"search\.pruner"):
        launch(sample(done, "search.pruner={kind: none}"), done)


def test_tpe_learns_from_pruned_runs_as_optuna_has_it(tmp_path: Path) -> None:
    study = sample(tmp_path, "search.sampler=tpe", "search.runs=6", "search.generation=3")
    search = ModelSearch(study, "pinn")
    runs = search.ask()
    reached = dict(zip([run.run_id for run in runs], [Pruned(2, 0.5), 1.0, None], strict=True))
    search.tell(reached)
    trials = search._optuna.trials[:3]
    assert [one.state.name for one in trials] == ["PRUNED", "COMPLETE", "FAIL"]
    assert (trials[0].value, trials[0].last_step) == (0.5, 2)
    selection = Selection(study)
    for run in runs:
        selection.offer(run, reached[run.run_id])
    assert selection.chosen("pinn") == [runs[1]]


def test_what_runs_reached_travels_as_plain_values() -> None:
    reached = {"a": Pruned(2, 0.5), "b": 1.0, "c": None, "d": Unreached(9.0, 12.0)}
    assert values_of(json.loads(json.dumps(result_of(reached)))) == reached


def with_curve(run: Run, values: list[float], pruned_at: int | None = None) -> Trajectory:
    """A trajectory whose metric is these values."""
    made = trajectory_of(run)
    for step, value in enumerate(values):
        made = with_value(made, METRIC, step, value)
    if pruned_at is None:
        return made
    return replace(made, table=made.table.slice(0, pruned_at + 1), pruned_at=pruned_at)


@pytest.mark.parametrize(
    ("stage", "step", "said"),
    [
        ("search", 2, None),
        ("search", 3, "pruner successive_halving does not judge"),
        ("rerun", 2, "stopped early at 2 of 6 steps in the rerun"),
    ],
)
def test_verify_knows_where_runs_may_stop(
    stage: Any, step: int, said: str | None, runs: list[Run], tmp_path: Path
) -> None:
    store, run = Store(str(tmp_path / "store")), replace(runs[0], stage=stage)
    cut = train([Member(run.configuration, run.seed)], stop_after=step)[0]
    commit(store, run, replace(cut, pruned_at=step), environment=environment("cpu"))
    found = verify(sample(tmp_path), store, {run.run_id}).findings
    assert [one.name for one in found] == ([] if said is None else ["steps"])
    assert said is None or said in found[0].message


MEDIAN = {"kind": "median", "n_startup_trials": 1, "interval_steps": 2}


def asked(runs: list[Run], store: Store, pruner: dict[str, Any], values: list[float]) -> list[int]:
    """Who stops at step 2."""
    pruning = pruning_of(runs, store, pruner, LOWEST)
    assert pruning is not None
    return list(pruning.stops(2, np.array([values]), range(len(runs))))


def test_runs_in_the_store_are_compared_with_as_they_were_when_the_pack_began(
    runs: list[Run], tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "store"))
    commit(store, runs[0], with_curve(runs[0], [9, 9, 1.0]))
    assert asked(runs[1:2], store, MEDIAN, [2.0]) == [0]
    assert asked(runs[1:2], store, MEDIAN, [0.5]) == []
    commit(store, runs[2], with_curve(runs[2], [9, 9, 9.0]))
    commit(store, runs[3], with_curve(runs[3], [9, 9, 9.0]))
    assert asked(runs[1:2], store, MEDIAN, [2.0]) == [0]
    assert asked(runs[4:5], store, MEDIAN, [2.0]) == []


def test_committed_runs_of_the_same_pack_count_while_they_were_in_training(
    runs: list[Run], tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "store"))
    pack = runs[:4]
    whole = asked(pack, store, MEDIAN, [4.0, 3.0, 2.0, 1.0])
    assert whole == [0, 1]
    commit(store, pack[0], with_curve(pack[0], [9, 9, 4.0], pruned_at=2))
    commit(store, pack[3], with_curve(pack[3], [9, 9, 1.0]))
    assert asked(pack[1:3], store, MEDIAN, [3.0, 2.0]) == [0]
    later = pruning_of(pack[1:3], store, MEDIAN, LOWEST)
    assert later is not None
    assert later.stops.rivals["pinn"].at(1, 4).shape == (1,)  # type: ignore[attr-defined]


def test_large_values_may_be_good_and_models_are_judged_apart(
    runs: list[Run], tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "store"))
    other = [replace(run, model="other") for run in runs[3:6]]
    pruning = pruning_of(
        [*runs[:3], *other], store, MEDIAN, Metric.read(METRIC, direction="maximize")
    )
    assert pruning is not None
    values = np.array([[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]])
    assert pruning.stops(2, values, range(6)) == [0, 3]


def test_no_rerun_stops_early(runs: list[Run], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    again = [replace(run, stage="rerun") for run in runs]
    assert pruning_of(again, store, MEDIAN, LOWEST) is None
    assert pruning_of(runs, store, None, LOWEST) is None
    assert not cohorts(store.root)


def test_a_cohort_is_kept_and_a_damaged_one_is_not_there(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert cohort_of(root, ["a", "b"], ["z", "y"]) == Cohort(["a", "b"], ["y", "z"])
    assert cohort_of(root, ["b"], ["x"]) == Cohort(["a", "b"], ["y", "z"])
    (file,) = (tmp_path / "pruning").iterdir()
    file.write_text(json.dumps({"runs": 3}))
    assert cohorts(root) == []
    assert cohort_of(root, ["b"], ["x"]) == Cohort(["b"], ["x"])


def test_what_is_left_of_a_cohort_is_one_pack(runs: list[Run], tmp_path: Path) -> None:
    study, store = sample(tmp_path), Store(str(tmp_path / "store"))
    names = [run.run_id for run in runs]
    cohort_of(store.root, names[1:4], [])
    commit(store, runs[2], trajectory_of(runs[2]))
    results = Results(store, LOWEST, StudyFolder.of(tmp_path, "sample").passed_over)

    class Deaf:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    stage = Stage([Listed("pinn", runs)], results, study.resources, 1, Deaf())
    packs = []
    while pack := stage.next_pack():
        packs.append(pack.runs)
    assert packs[0] == (runs[1], runs[3])
    assert sum(map(len, packs)) == 5


def test_a_pack_cut_for_lack_of_memory_is_still_judged_as_one_cohort(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", "in_step:1:enomem")
    rule = {"kind": "successive_halving", "min_resource": 2, "reduction_factor": 2}
    root = str(tmp_path / "store")
    place = WorkerContext(store=root, metric=METRIC, progress=str(tmp_path / "news"), pruner=rule)
    pack: PackPlan = make_pack(runs[:4])
    values = train_pack(pack, place)
    assert [one.runs for one in cohorts(root)] == [[run.run_id for run in pack.runs]]
    assert values == {
        run.run_id: outcome_of(Store(root).read(run.run_id), LOWEST) for run in pack.runs
    }
    assert any(isinstance(value, Pruned) for value in values.values())
