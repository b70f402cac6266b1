"""Which pack a free worker of Ray Tune takes next, and that workers stay for packs to come."""

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
    """

    def __init__(self, slots: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._slots = slots
        self._added: dict[Trial, int] = {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ANN401
        """A pack was suggested."""
        if not self._added:  # Tune has no public way to say how many idle workers stay
            cache = tune_controller._tune_controller._actor_cache
            cache.increase_max(trial.placement_group_factory, self._slots)
        self._added[trial] = len(self._added)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:  # noqa: ANN401
        """The last one of those that wait."""
        live = tune_controller.get_live_trials()
        waiting = [trial for trial in live if trial.status == Trial.PENDING]
        return max(waiting, key=self._added.__getitem__, default=None)
