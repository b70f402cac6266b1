"""Ray Tune's view of a study: a searcher that suggests packs instead of configurations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from sweeps.execution.context import WorkerContext
from sweeps.execution.spreading import Room, threads_for, work_left
from sweeps.execution.stage import Stage
from sweeps.execution.trainable import trial_config, values_of
from sweeps.store.writing import CannotWrite
from sweeps.study.plan import PackPlan


class PackSearcher(Searcher):
    """Hands the packs of stages to Tune, stage after stage, one trial for each pack.

    It suggests None while all that is left depends on running packs, and FINISHED at the end. The
    copies that Tune pickles hold nothing: a stage, and Optuna in it, is rebuilt from the store.
    """

    def __init__(self, stages: Iterable[Stage], context: WorkerContext, room: Room) -> None:
        super().__init__()
        self._stages = iter(stages)
        self._stage = next(self._stages, None)
        self._context, self._room = context, room
        self._packs: dict[str, PackPlan] = {}
        self._full = ""

    def suggest(  # type: ignore[override]  # Tune's annotation forgets FINISHED
        self, trial_id: str
    ) -> dict[str, Any] | str | None:
        """The next pack as a trial's configuration, None to be asked again, or FINISHED."""
        while self._stage and self._stage.over:
            self._stage = next(self._stages, None)
        if self._stage is None or self._full:
            return Searcher.FINISHED
        if len(self._packs) >= self._room.slots:  # as many as may run at a time
            return None
        pack = self._stage.next_pack()
        if pack is None:
            return None
        self._packs[trial_id] = pack
        return trial_config(pack, replace(self._context, threads=self._threads(pack, self._stage)))

    def _threads(self, pack: PackPlan, stage: Stage) -> int:
        """The pack's own cores, and those of slots that would idle before it ends."""
        if self._context.device != "cpu" or stage.draws_on:
            return self._context.threads
        news = Path(self._context.progress)
        running = [other for other in stage.running if other.pack_id != pack.pack_id]
        others = [work_left(other, news) for other in running] + [one.flops for one in stage.ready]
        return threads_for(pack, others, self._room)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take the values of a pack; of a failed trial Tune has more to say, see ``lost``."""
        if error or trial_id not in self._packs or self._stage is None:
            return
        pack = self._packs[trial_id]
        result = result or {}
        if result.get("full"):
            self._full = result["full"]  # the study ends: its runs are not given up
        elif "run_ids" not in result:
            self._stage.lost(pack, result.get("lost", "the trial ended without a result"))
        else:
            self._stage.done(pack, values_of(result))
        del self._packs[trial_id]  # last: Tune tries a pack again whose taking raised

    def retries(self, trial_id: str) -> int:
        """How often Tune may try the pack of a trial again."""
        assert self._stage is not None, "a trial without a stage"
        return self._stage.retries(self._packs[trial_id])

    def retried(self, trial_id: str, attempt: int, reason: str) -> None:
        """Tune starts the pack again, after its worker died or an error."""
        if self._stage:
            self._stage.watch.retried(self._packs[trial_id], attempt, reason)

    def lost(self, trial_id: str, reason: str) -> None:
        """Tune has given the pack up."""
        if self._stage:
            self._stage.lost(self._packs.pop(trial_id), reason)

    @property
    def has_packs(self) -> bool:
        """Whether there are packs that Tune has taken and not brought to an end."""
        return bool(self._packs)

    def check_disk(self) -> None:
        """Raise ``CannotWrite`` if a worker could not write to the store."""
        if self._full:
            raise CannotWrite(self._full)

    def __getstate__(self) -> dict[str, Any]:
        """Hold no state, and no Optuna study."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: there is no state to save."""

    def restore(self, checkpoint_path: str) -> None:
        """Refuse: the command that started the study continues it."""
        raise NotImplementedError("a study resumes from its store; run the same command again")
