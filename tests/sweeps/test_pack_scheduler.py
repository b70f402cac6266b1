"""Which pack a free worker takes, and how many idle workers stay."""

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

    def get_live_trials(self) -> set[Trial]:
        """All of them."""
        return set(self._trials)


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
