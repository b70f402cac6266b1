"""Which pack a free worker takes, how many idle workers stay, and that Tune forgets old packs."""

from __future__ import annotations

from types import SimpleNamespace

from ray.tune.experiment import Trial
from ray.tune.utils.object_cache import _ObjectCache

from sweeps.execution.pack_scheduler import PackScheduler


class Controller(SimpleNamespace):
    """What a scheduler sees of Tune."""

    def __init__(self, trials: list[Trial]) -> None:
        super().__init__(_actor_cache=_ObjectCache(may_keep_one=True))
        self._tune_controller, self._trials = self, trials
        self._live_trials, self._trials_to_cache = set(trials), set(trials)
        self._stopped_trials: set[Trial] = set()
        self._trial_to_actor: dict[Trial, object] = {}

    def get_live_trials(self) -> set[Trial]:
        """Those that are not over."""
        return self._live_trials

    def end(self, trial: Trial) -> None:
        """The pack is done, and its worker is free."""
        trial.set_status(Trial.TERMINATED)
        self._live_trials.remove(trial)
        self._stopped_trials.add(trial)


def test_a_free_worker_takes_the_pack_suggested_last() -> None:
    """Those before it have workers of their own, which may still be starting."""
    trials = [Trial("packs", stub=True) for _ in range(4)]
    controller, scheduler = Controller(trials), PackScheduler(slots=2)
    for trial in trials:
        scheduler.on_trial_add(controller, trial)
    assert scheduler.choose_trial_to_run(controller) is trials[3]
    trials[3].set_status(Trial.RUNNING)
    trials[2].set_status(Trial.TERMINATED)
    assert scheduler.choose_trial_to_run(controller) is trials[1]
    for trial in trials:
        trial.set_status(Trial.RUNNING)
    assert scheduler.choose_trial_to_run(controller) is None


def test_as_many_idle_workers_stay_as_there_are_slots() -> None:
    trials = [Trial("packs", stub=True) for _ in range(2)]
    controller, scheduler = Controller(trials), PackScheduler(slots=2)
    for trial in trials:
        scheduler.on_trial_add(controller, trial)
    cache, kind = controller._actor_cache, trials[0].placement_group_factory
    assert [cache.cache_object(kind, worker) for worker in "abc"] == [True, True, False]


def test_packs_that_are_over_are_forgotten_when_new_ones_come() -> None:
    trials = [Trial("packs", stub=True) for _ in range(4)]
    controller, scheduler = Controller(trials[:3]), PackScheduler(slots=2)
    for trial in trials[:3]:
        scheduler.on_trial_add(controller, trial)
    controller.end(trials[0])
    controller.end(trials[1])
    controller._trial_to_actor[trials[1]] = "a worker that Tune has yet to stop"
    controller._trials.append(trials[3])
    controller._live_trials.add(trials[3])
    scheduler.on_trial_add(controller, trials[3])
    assert controller.get_live_trials() == {trials[2], trials[3]}
    assert controller._trials == trials[1:]
    assert controller._stopped_trials == {trials[1]}
    assert controller._trials_to_cache == {trials[1], trials[2]}
    assert scheduler.choose_trial_to_run(controller) is trials[3]
