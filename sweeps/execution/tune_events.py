"""What Ray Tune says about trials, for the stage and the display."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray.tune import Callback

from sweeps.execution.pack_searcher import PackSearcher
from sweeps.execution.patience import Patience

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

log = logging.getLogger(__name__)


class PackEvents(Callback):
    """Passes on failures with their reasons; at every step of Tune's loop it calls ``ticks``.

    Tune keeps every trial to the end; of those that are done it lets go what is large.
    """

    def __init__(
        self, searcher: PackSearcher, patience: Patience, ticks: Sequence[Callable[[], None]]
    ) -> None:
        self._searcher, self._patience, self._ticks = searcher, patience, ticks

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ANN401, ARG002
        """Several times a second."""
        for tick in self._ticks:
            tick()
        self._patience.look(waiting=self._searcher.has_packs)

    def on_trial_start(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        **info: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """The pack is tried, for the first time or again."""
        trial.max_failures = self._searcher.retries(trial.trial_id)
        self._patience.started(trial.trial_id)

    def on_trial_complete(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        **info: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """The pack is done, and its values are told."""
        self._patience.ended(trial.trial_id)
        settings = (trial.config, trial.evaluated_params)
        for kept in (*settings, trial.last_result, trial.metric_analysis, trial.metric_n_steps):
            kept.clear()
        trial.experiment_tag = ""  # holds the configuration too

    def on_trial_recover(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        **info: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """The pack is tried again."""
        self._patience.ended(trial.trial_id)
        self._searcher.retried(trial.trial_id, trial.num_failures, reason_of(trial))

    def on_trial_error(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        **info: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """The pack is given up."""
        self._patience.ended(trial.trial_id)
        self._searcher.lost(trial.trial_id, reason_of(trial))

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune's copies are never used."""
        return {}


def reason_of(trial: Trial) -> str:
    """One line on the trial's latest failure: how the worker died, or the error it raised.

    The whole text goes to the log.
    """
    file = Path(trial.error_file or "")
    latest = file.read_text().rpartition("Failure # ")[2] if file.is_file() else ""
    log.error("trial %s: failure %s", trial.trial_id, latest.strip() or "without a word")
    lines = [line.strip() for line in latest.splitlines()[1:] if line.strip()]
    if not lines:
        return "no reason given"
    return lines[0] if lines[0].startswith("The actor") else lines[-1]
