"""Which pack a free worker of Ray Tune takes next, and what Tune keeps: workers, no old packs."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler


class PackScheduler(FIFOScheduler):
    """Gives a free worker the pack that was suggested last, and keeps every worker.

    Tune by itself gives it the pack that waits longest. That is often one whose own worker is
    still starting, and that worker is then thrown away: with packs shorter than a start, one
    worker trains all. A pack suggested after all workers were asked for has none of its own yet.

    Of workers that finish while no pack waits, as at the end of a generation, Tune keeps one; here
    it keeps ``slots``.

    Tune would also keep every trial that ever was, about 10 kB each, and write all of them into a
    file at the end. Here it forgets those that are over as new ones come.
    """

    def __init__(self, slots: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._slots, self._suggested = slots, 0
        self._added: dict[Trial, int] = {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ANN401
        """A pack was suggested."""
        controller = tune_controller._tune_controller  # Tune has no public way to what follows
        if not self._suggested:
            controller._actor_cache.increase_max(trial.placement_group_factory, self._slots)
        self._forget(_over(controller), controller)
        self._suggested += 1
        self._added[trial] = self._suggested

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:  # noqa: ANN401
        """The last one of those that wait."""
        live = tune_controller.get_live_trials()
        waiting = [trial for trial in live if trial.status == Trial.PENDING]
        return max(waiting, key=self._added.__getitem__, default=None)

    def _forget(self, over: set[Trial], controller: Any) -> None:  # noqa: ANN401
        for trial in over:
            self._added.pop(trial, None)
        controller._stopped_trials -= over
        controller._trials_to_cache -= over
        controller._trials[:] = [trial for trial in controller._trials if trial not in over]


def _over(controller: Any) -> set[Trial]:  # noqa: ANN401
    """Trials that ended well and have no worker any more."""
    return {
        trial
        for trial in controller._stopped_trials
        if trial not in controller._live_trials and trial not in controller._trial_to_actor
    }
