"""What Optuna remembers of a search, in little memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

NEVER = datetime.fromtimestamp(0, UTC)
NOTHING: dict[Any, Any] = {}
"""Shared by all trials: Optuna's memory never changes a trial's own dictionaries in place."""


class ShortHistory(InMemoryStorage):
    """Optuna's memory of trials, in which those of a kind share what they have in common.

    Of a trial that is over stay its parameters and values; when it was asked is forgotten. That is
    what samplers learn from.
    """

    def __init__(self) -> None:
        super().__init__()
        self._space: dict[str, Any] = {}

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """As Optuna has it, and the trial made small where it is over."""
        changed = super().set_trial_state_values(trial_id, state, values)
        if state.is_finished():
            self._shorten(self._get_trial(trial_id))
        return changed

    def _shorten(self, trial: FrozenTrial) -> None:
        trial.datetime_start = trial.datetime_complete = NEVER
        if trial.distributions == self._space:
            trial.distributions = self._space
        else:
            self._space = trial.distributions
        for name in ("user_attrs", "system_attrs", "intermediate_values"):
            if not getattr(trial, name):
                setattr(trial, name, NOTHING)
