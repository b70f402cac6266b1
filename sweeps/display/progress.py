"""The progress of a study on the screen: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pinn_core.training.operations import flops
from sweeps.display.tally import (
    Counted,
    Pace,
    Tally,
    Training,
    in_brackets,
    in_words,
    reached_in_words,
)
from sweeps.search.selection import Selection
from sweeps.store.results import Outcome, Pruned
from sweeps.study.plan import PackPlan, Run

log = logging.getLogger(__name__)

PLAIN_EVERY = 10.0
"""Seconds between two plain lines on what is being trained."""


class Progress:
    """Shows what becomes of runs, of which it hears as a stage's ``StageEvents``.

    ``news`` is the folder of the workers' notes, ``metric`` what the search goes by. ``waiting``
    may be set to what tells how many runs MLflow has yet to get.
    """

    def __init__(self, console: Console, news: Path, metric: str) -> None:
        self.waiting: Callable[[], int] = lambda: 0
        self._console, self._news, self._metric = console, news, metric
        self._tallies: dict[str, Tally] = {}
        self._asked, self._flops, self._flops_done = 0, 0.0, 0.0
        self._pace = Pace()
        self._stage = "starting"
        self._spinner = Spinner("dots")
        self._selection: Selection | None = None
        self._began = self._spoke = time.monotonic()
        self._live = Live(
            console=console, get_renderable=self.view, refresh_per_second=2, transient=True
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def begin(self, stage: str, sources: Sequence[Counted], selection: Selection) -> None:
        """A stage starts, with the runs of these; ``selection`` knows the best so far."""
        self._stage, self._selection = stage, selection
        self._tallies = {source.model: Tally(source) for source in sources}
        self._asked, self._flops, self._flops_done = 0, 0.0, 0.0
        self._pace = Pace()
        self._began = self._spoke = time.monotonic()

    def say(self, message: str) -> None:
        """One line, above the live table or among the plain lines, and in the log."""
        log.info("%s", message)
        self._console.print(Text(message), soft_wrap=True)

    def asked(self, runs: Sequence[Run]) -> None:
        """These runs are to be trained."""
        self._asked += len(runs)
        self._flops += sum(flops(run.configuration) for run in runs)

    def found(self, run: Run, value: Outcome) -> None:  # noqa: ARG002
        """The run was committed before."""
        self._tallies[run.model].found += 1

    def finished(self, run: Run, value: Outcome) -> None:
        """The run is committed: a line without a terminal, a count in the table with one."""
        tally = self._tallies[run.model]
        tally.finished += 1
        tally.diverged += value is None
        self._flops_done += flops(run.configuration)
        tally.pruned += isinstance(value, Pruned)
        shown = f"{self._reached(value)}{in_brackets(run.varied)}"
        line = f"{self._title(run)}: {shown}{self._compared(run)}"
        if self._console.is_terminal:
            log.info("%s", line)
        else:
            self.say(line)

    def retried(self, pack: PackPlan, attempt: int, reason: str) -> None:
        """The pack failed and is tried again."""
        self.say(f"pack {pack.pack_id[:8]} lost, retry {attempt}: {reason}")

    def failed(self, run: Run, reason: str) -> None:
        """The run is given up."""
        self._tallies[run.model].failed += 1
        self._flops_done += flops(run.configuration)
        self.say(f"{self._title(run)} failed{in_brackets(run.varied)}: {reason}")

    def tick(self) -> None:
        """Called now and then; without a terminal, a line every ``PLAIN_EVERY`` seconds."""
        if not self._console.is_terminal and time.monotonic() > self._spoke + PLAIN_EVERY:
            self._spoke = time.monotonic()
            self.say(f"{self._stage}: {self._summary(Training.read(self._news))}")

    def _title(self, run: Run) -> str:
        tally = self._tallies[run.model]
        return f"{self._stage} {run.model} {tally.settled}/{tally.total} {run.run_id[:8]}"

    def _reached(self, value: Outcome) -> str:
        if isinstance(value, Pruned):
            return f"stopped at step {value.step}, {self._metric} {value.value:.4g}"
        return "diverged" if value is None else f"{self._metric} {reached_in_words(value)}"

    def _compared(self, run: Run) -> str:
        best = self._selection.best(run.model) if self._selection else None
        if best is None:
            return ""
        if best[1] == run:
            return ", the best so far"
        return f", best {reached_in_words(best[0])}"

    def _best(self, model: str) -> str:
        best = self._selection.best(model) if self._selection else None
        if best is None:
            return "none yet"
        return f"{reached_in_words(best[0])}{in_brackets(best[1].varied)}"

    def _summary(self, training: Training) -> str:
        """Counts of all models, rate, time left and what is being waited for."""
        tallies = self._tallies.values()
        elapsed = time.monotonic() - self._began
        total = sum(tally.total for tally in tallies)
        before = sum(tally.found + tally.failed for tally in tallies)
        finished = sum(tally.finished for tally in tallies)
        unasked = max(0, total - before - self._asked)
        left = self._left(unasked, training)
        words = [f"{before + finished} of {total} runs"]
        if training.packs:
            words.append(f"{training.runs} in training ({training.share / training.runs:.0%})")
        elif not finished and before < total:
            words.append("workers are starting")
        if finished:
            words.append(f"{60 * finished / elapsed:.3g} runs/min")
        if left is not None:
            words.append(f"about {in_words(left)} left")
        if stopped := sum(tally.pruned for tally in tallies):
            words.append(f"{stopped} stopped early")
        if waiting := self.waiting():
            words.append(f"{waiting} waiting for MLflow")
        return ", ".join(words)

    def _left(self, unasked: int, training: Training) -> float | None:
        """Seconds left, from the operations of the runs; a run not asked yet counts as the mean."""
        whole = self._flops * (1 + unasked / self._asked) if self._asked else 0.0
        return self._pace.left(time.monotonic(), self._flops_done + training.flops, whole)

    def view(self) -> Group:
        """The live table: a row for each model, whose bar moves with the steps; the summary below.

        Until something trains, a spinner says that it is alive.
        """
        training = Training.read(self._news)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for title in (self._stage, "", "runs", "failed", "diverged", f"best {self._metric}"):
            table.add_column(title, overflow="fold")
        for model, tally in self._tallies.items():
            done = tally.settled + training.models.get(model, 0.0)
            bar = ProgressBar(total=max(tally.total, 1), completed=done, width=24)
            counts = (f"{tally.settled}/{tally.total}", str(tally.failed), str(tally.diverged))
            table.add_row(model, bar, *counts, self._best(model))
        words = Text(self._summary(training), style="dim")
        if self._flops_done or training.packs:
            return Group(table, words)
        self._spinner.update(text=words)
        return Group(table, self._spinner)
