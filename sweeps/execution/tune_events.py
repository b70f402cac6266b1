"""What Ray Tune says about trials, for the stage and the display."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray.tune.progress_reporter import TrialProgressCallback

from sweeps.execution.pack_searcher import PackSearcher
from sweeps.execution.patience import NothingTrains, Patience

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

log = logging.getLogger(__name__)

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NOT_STARTED = "The actor died because of an error raised in its creation task"
"""First words of Ray's error where a worker lacks an import, or was not set up."""


class PackEvents(TrialProgressCallback):
    """Passes on failures with their reasons; at every step of Tune's loop it calls ``ticks``.

    It takes the place of Tune's own callback for progress, which would keep every trial.

    Where all workers are of ``one_machine``, what keeps one from starting keeps all: that ends the
    study, by ``NothingTrains``. In a cluster the pack may start on another node.
    """

    def __init__(
        self,
        searcher: PackSearcher,
        patience: Patience,
        ticks: Sequence[Callable[[], None]],
        *,
        one_machine: bool,
    ) -> None:
        super().__init__()
        self._searcher, self._patience, self._ticks = searcher, patience, ticks
        self._one_machine = one_machine
        self._obstacle = ""

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ANN401, ARG002
        """Several times a second."""
        if self._obstacle:
            raise NothingTrains(f"no worker can start: {self._obstacle}")
        for tick in self._ticks:
            tick()
        self._patience.look(waiting=self._searcher.has_packs)

    def on_trial_result(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Nothing is printed: a pack has one result, its last."""

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

    def on_trial_recover(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        **info: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """The pack is tried again."""
        self._patience.ended(trial.trial_id)
        if reason := self._reason(trial):
            self._searcher.retried(trial.trial_id, trial.num_failures, reason)

    def on_trial_error(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        **info: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """The pack is given up."""
        self._patience.ended(trial.trial_id)
        if reason := self._reason(trial):
            self._searcher.lost(trial.trial_id, reason)

    def _reason(self, trial: Trial) -> str:
        """Why the pack failed; empty if no pack can be trained, so that it is not its fault."""
        failure = latest_failure(trial)
        reason = reason_of(failure)
        if self._one_machine and failure.startswith(NOT_STARTED):
            self._obstacle = self._obstacle or reason
        return "" if self._obstacle else reason

    def __getstate__(self) -> dict[str, Any]:
        """Hold no state: Tune's copies are never used."""
        return {}


def latest_failure(trial: Trial) -> str:
    """What Ray wrote on the trial's latest failure, without its colours; it goes to the log."""
    file = Path(trial.error_file or "")
    written = file.read_text().rpartition("Failure # ")[2] if file.is_file() else ""
    plain = COLOUR.sub("", written).strip()
    log.error("trial %s: failure %s", trial.trial_id, plain or "without a word")
    return plain.partition("\n")[2]  # without its number and time


def reason_of(failure: str) -> str:
    """One line of it: how the worker died, or the error that it raised."""
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    died = lines[0].startswith("The actor") and not lines[0].startswith(NOT_STARTED)
    return lines[0] if died else lines[-1]
