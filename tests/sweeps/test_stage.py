"""Packs of a stage: which can start, what becomes of their runs, and how Tune sees them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
from ray.tune.search import Searcher

from analysis.ranking import LAST_LOSS
from sweeps.errors import StudyError
from sweeps.execution.context import WorkerContext
from sweeps.execution.pack_searcher import PackSearcher
from sweeps.execution.spreading import Room
from sweeps.execution.stage import Listed, Source, Stage
from sweeps.execution.trainable import read_trial_config, trial_config
from sweeps.search.search import ModelSearch
from sweeps.store.checkpoints import StoredCheckpoint
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.store.writing import CannotWrite
from sweeps.study.plan import PackPlan, Run, rerun_runs
from sweeps.study.study import Study
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of

ROOM = Room(slots=2, together=2)
GENERATIONS = ("search.sampler=tpe", "search.runs=4", "search.generation=2", "resources.pack=1")


class Diary:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, object]] = []

    def asked(self, runs: Sequence[Run]) -> None:
        self.heard += [("asked", run.run_id, None) for run in runs]

    def found(self, run: Run, value: float | None) -> None:
        self.heard.append(("found", run.run_id, value))

    def finished(self, run: Run, value: float | None) -> None:
        self.heard.append(("finished", run.run_id, value))

    def retried(self, pack: PackPlan, attempt: int, reason: str) -> None:
        self.heard.append(("retried", pack.pack_id, (attempt, reason)))

    def failed(self, run: Run, reason: str) -> None:
        self.heard.append(("failed", run.run_id, reason))

    def of(self, event: str) -> set[str]:
        return {name for what, name, _ in self.heard if what == event}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def stage_of(study: Study, store: Store, source: Source, diary: Diary | None = None) -> Stage:
    results = Results(store, LAST_LOSS, Path(store.root).with_name("passed-over.json"))
    return Stage([source], results, study.resources, 2, diary or Diary())


def place(store: Store) -> WorkerContext:
    return WorkerContext(
        store=store.root, metric="loss/regression", progress=f"{store.root}/../news"
    )


def values(pack: PackPlan, value: float | None = 1.0) -> dict[str, float | None]:
    return {run.run_id: value for run in pack.runs}


def all_packs(stage: Stage) -> list[PackPlan]:
    packs = []
    while pack := stage.next_pack():
        packs.append(pack)
    return packs


def test_a_generation_waits_for_the_one_before(tmp_path: Path, store: Store) -> None:
    study = sample_study(tmp_path, *GENERATIONS)
    stage = stage_of(study, store, ModelSearch(study, "pinn"))
    first, second = all_packs(stage)
    stage.done(second, values(second))
    assert stage.next_pack() is None
    assert not stage.over
    stage.done(first, values(first))
    third, fourth = all_packs(stage)
    for pack in (third, fourth):
        assert not stage.over
        stage.done(pack, values(pack, None))
    assert stage.over


def test_committed_runs_are_found_and_not_handed_out(tmp_path: Path, store: Store) -> None:
    study = sample_study(tmp_path, *GENERATIONS)
    runs = ModelSearch(study, "pinn").ask()
    commit(store, runs[0], trajectory_of(runs[0]))
    diary = Diary()
    stage = stage_of(study, store, ModelSearch(study, "pinn"), diary)
    (pack,) = all_packs(stage)
    assert pack.runs == (runs[1],)
    assert diary.of("found") == {runs[0].run_id}
    assert diary.of("asked") == {runs[1].run_id}


def test_of_a_lost_pack_the_halves_are_tried_and_a_run_alone_is_given_up(
    tmp_path: Path, store: Store
) -> None:
    study = sample_study(tmp_path, "resources.pack=4")
    runs = ModelSearch(study, "pinn").ask()
    diary = Diary()
    stage = stage_of(study, store, Listed("pinn", runs), diary)
    (pack,) = all_packs(stage)
    commit(store, runs[1], trajectory_of(runs[1]))  # before the worker died
    stage.lost(pack, "no luck")
    first, second = all_packs(stage)
    assert (first.runs, second.runs) == ((runs[0], runs[2]), (runs[3],))
    stage.lost(first, "no luck again")
    stage.done(second, values(second))
    guilty, innocent = all_packs(stage)
    stage.lost(guilty, "no luck again")
    stage.done(innocent, values(innocent))
    assert stage.over
    assert stage.failures == {runs[0].run_id: "no luck again"}
    assert diary.of("finished") == {run.run_id for run in runs[1:]}
    assert diary.of("failed") == {runs[0].run_id}


@pytest.mark.parametrize("place_of_the_guilty", range(16))
def test_the_run_that_kills_its_worker_is_found_by_bisection(
    place_of_the_guilty: int, tmp_path: Path, store: Store
) -> None:
    study = sample_study(tmp_path, "resources.pack=64", "rerun.seeds=16")
    runs = rerun_runs(study, "pinn", [pinn_run(study)])
    guilty = runs[place_of_the_guilty]
    stage = stage_of(study, store, Listed("pinn", runs))
    deaths, sizes = 0, []
    while pack := stage.next_pack():
        sizes.append(len(pack.runs))
        if guilty not in pack.runs:
            stage.done(pack, values(pack))
            continue
        deaths += 1 + stage.retries(pack)
        stage.lost(pack, "it died")
    assert stage.failures == {guilty.run_id: "it died"}
    assert sorted(sizes) == [1, 1, 2, 2, 4, 4, 8, 8, 16]
    assert deaths == 4 + 3 + 4  # the whole, three halvings, the run alone


def test_a_run_damaged_since_it_was_committed_is_given_up_by_name(
    tmp_path: Path, store: Store
) -> None:
    study = sample_study(tmp_path, "resources.pack=4")
    runs = ModelSearch(study, "pinn").ask()
    stage = stage_of(study, store, Listed("pinn", runs[:2]))
    (pack,) = all_packs(stage)
    commit(store, runs[0], trajectory_of(runs[0]))
    os.truncate(store.where(runs[0].run_id), 100)
    stage.lost(pack, "no luck")
    assert "damaged" in stage.failures[runs[0].run_id]


def test_a_pack_that_was_begun_is_made_again_as_it_was(tmp_path: Path, store: Store) -> None:
    study = sample_study(tmp_path, "resources.pack=1")
    runs = ModelSearch(study, "pinn").ask()
    together = [runs[2].run_id, runs[0].run_id]
    StoredCheckpoint(store.root, together).put(b"its state")
    StoredCheckpoint(store.root, [runs[1].run_id, "f" * 16]).put(b"of a study that changed")
    packs = all_packs(stage_of(study, store, Listed("pinn", runs)))
    assert packs[0].runs == (runs[2], runs[0])
    assert sorted(run.run_id for pack in packs[1:] for run in pack.runs) == sorted(
        [runs[1].run_id, runs[3].run_id]
    )


def test_tune_gets_packs_then_none_then_finished(tmp_path: Path, store: Store) -> None:
    study = sample_study(tmp_path, *GENERATIONS)
    stage = stage_of(study, store, ModelSearch(study, "pinn"))
    searcher = PackSearcher([stage], place(store), ROOM)
    for generation in ("ab", "cd"):
        configs = {trial: searcher.suggest(trial) for trial in generation}
        assert searcher.suggest("later") is None
        for trial, config in configs.items():
            assert isinstance(config, dict)
            pack, _ = read_trial_config(config)
            names = [run.run_id for run in pack.runs]
            searcher.on_trial_complete(trial, {"run_ids": names, "values": [1.0] * len(names)})
    assert searcher.suggest("late") == Searcher.FINISHED


def test_tune_goes_from_stage_to_stage(tmp_path: Path, store: Store) -> None:
    study = sample_study(tmp_path, "resources.pack=4")
    runs = ModelSearch(study, "pinn").ask()
    stages = [stage_of(study, store, Listed("pinn", part)) for part in (runs[:2], [], runs[2:])]
    searcher = PackSearcher(stages, place(store), ROOM)
    for part in (runs[:2], runs[2:]):
        assert searcher.suggest("trial")
        assert searcher.suggest("early") is None
        names = [run.run_id for run in part]
        searcher.on_trial_complete("trial", {"run_ids": names, "values": [None, None]})
    assert searcher.suggest("late") == Searcher.FINISHED


def test_the_last_pack_has_the_threads_of_slots_that_are_done(tmp_path: Path, store: Store) -> None:
    large = ("base.network.width=256", "base.network.depth=3", "resources.pack=1")
    study = sample_study(tmp_path, *large)
    runs = ModelSearch(study, "pinn").ask()[:3]
    searcher = PackSearcher([stage_of(study, store, Listed("pinn", runs))], place(store), ROOM)
    threads = []
    for trial in ("first", "second", "third"):
        if trial == "third":
            for done, run in zip(("first", "second"), runs, strict=False):
                searcher.on_trial_complete(done, {"run_ids": [run.run_id], "values": [1.0]})
        config = searcher.suggest(trial)
        assert isinstance(config, dict)
        threads.append(read_trial_config(config)[1].threads)
    assert threads == [1, 1, 2]


def test_a_full_disk_ends_the_search_for_packs(tmp_path: Path, store: Store) -> None:
    study = sample_study(tmp_path, *GENERATIONS)
    searcher = PackSearcher(
        [stage_of(study, store, ModelSearch(study, "pinn"))], place(store), ROOM
    )
    searcher.suggest("trial")
    searcher.check_disk()
    searcher.on_trial_complete("trial", {"full": "disk full: no room"})
    assert searcher.suggest("next") == Searcher.FINISHED
    with pytest.raises(CannotWrite, match="no room"):
        searcher.check_disk()


def test_a_pack_without_memory_for_one_run_is_divided_and_not_tried_again(
    tmp_path: Path, store: Store
) -> None:
    study = sample_study(tmp_path, "resources.pack=2")
    diary = Diary()
    stage = stage_of(study, store, ModelSearch(study, "pinn"), diary)
    searcher = PackSearcher([stage], place(store), ROOM)
    searcher.suggest("pair")
    searcher.on_trial_complete("pair", {"lost": "too large"})
    searcher.suggest("alone")
    searcher.on_trial_complete("alone", {"lost": "too large"})
    assert list(stage.failures.values()) == ["too large"]
    assert not diary.of("retried")


def test_what_tune_pickles_holds_no_optuna(tmp_path: Path, store: Store) -> None:
    study = sample_study(tmp_path, *GENERATIONS)
    searcher = PackSearcher(
        [stage_of(study, store, ModelSearch(study, "pinn"))], place(store), ROOM
    )
    searcher.suggest("trial")
    assert b"optuna" not in pickle.dumps(searcher)
    with pytest.raises(NotImplementedError, match="run the same command again"):
        searcher.restore("anywhere")


def test_a_pack_travels_as_a_small_trial_configuration(tmp_path: Path, store: Store) -> None:
    study = sample_study(tmp_path, "resources.pack=4")
    (pack,) = all_packs(stage_of(study, store, ModelSearch(study, "pinn")))
    config = trial_config(pack, place(store))
    assert read_trial_config(config) == (pack, place(store))
    assert sum(len(str(value)) for value in config.values()) < 400 * len(pack.runs)


@pytest.mark.parametrize("config", [{}, {"lr": 1.0}, {"pack_id": "a", "runs": ""}])
def test_an_empty_or_unknown_trial_configuration_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(StudyError, match="trial: found the keys"):
        read_trial_config(config)
