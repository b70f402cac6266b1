"""The receivers of a stage's events: the display, the selection, MLflow's publisher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweeps.display.progress import Progress
from sweeps.search.selection import Selection
from sweeps.store.results import Outcome
from sweeps.study.plan import PackPlan, Run
from sweeps.tracking.tracking import Publisher


@dataclass(frozen=True)
class Callbacks:
    """Passes on a stage's events, as its ``StageEvents``."""

    progress: Progress
    selection: Selection
    publisher: Publisher

    def asked(self, runs: Sequence[Run]) -> None:
        """These runs are to be trained."""
        self.progress.asked(runs)

    def found(self, run: Run, value: Outcome) -> None:
        """The run was committed before; the publisher has it already."""
        self.selection.offer(run, value)
        self.progress.found(run, value)

    def finished(self, run: Run, value: Outcome) -> None:
        """The run is committed."""
        self.selection.offer(run, value)
        self.progress.finished(run, value)
        self.publisher.submit(run.run_id)

    def retried(self, pack: PackPlan, attempt: int, reason: str) -> None:
        """The pack failed and is tried again."""
        self.progress.retried(pack, attempt, reason)

    def failed(self, run: Run, reason: str) -> None:
        """The run is given up."""
        self.progress.failed(run, reason)
