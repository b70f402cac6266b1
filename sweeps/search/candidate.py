"""A configuration that a search tries: its runs, one for each seed, and what they reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.metric import Metric, Reached
from sweeps.store.results import Outcome, Pruned
from sweeps.study.plan import Run

if TYPE_CHECKING:
    from optuna.trial import Trial


@dataclass(slots=True, eq=False)
class Candidate:
    """``trial`` is Optuna's account of it; None where Optuna draws nothing."""

    runs: Sequence[Run]
    trial: Trial | None
    asked: int = 0
    """How many of the runs were asked so far."""
    values: dict[str, Outcome] = field(default_factory=dict)

    def ask(self, seeds: int) -> Sequence[Run]:
        """The runs up to so many seeds that were not asked before."""
        before, self.asked = self.asked, min(max(seeds, self.asked), len(self.runs))
        return self.runs[before : self.asked]

    @property
    def complete(self) -> bool:
        """Whether all that was asked has been told."""
        return len(self.values) == self.asked

    def outcomes(self) -> list[Outcome]:
        """What the runs that were asked reached, in the order of their seeds."""
        return [self.values[run.run_id] for run in self.runs[: self.asked]]

    def reached(self, metric: Metric) -> Outcome:
        """What its only run reached, or the median over seeds."""
        outcomes = self.outcomes()
        return outcomes[0] if len(self.runs) == 1 else median(outcomes, metric)

    def ranks(self, metric: Metric) -> list[float]:
        """The numbers by which its runs are ranked, small ones being good."""
        return [metric.rank(whole(outcome)) for outcome in self.outcomes()]


def median(outcomes: Sequence[Outcome], metric: Metric) -> Reached:
    """The metric's median; a run that was stopped early or has no number is the worst of all."""
    return metric.median([whole(outcome) for outcome in outcomes])


def whole(outcome: Outcome) -> Reached:
    """What a run reached at its end, if it was trained to it."""
    return None if isinstance(outcome, Pruned) else outcome
