"""What is known of a study's runs: which are settled, and what each reached."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from analysis.metric import FINAL, Metric, Reached
from pinn_core.records.trajectory import Trajectory
from sweeps.errors import StudyError
from sweeps.store.checkpoints import begun
from sweeps.store.cohorts import cohorts
from sweeps.store.document import Document
from sweeps.store.store import Store


class Pruned(NamedTuple):
    """A run that was stopped early: the step, and the metric's value there, which is not final."""

    step: int
    value: float


Outcome = Reached | Pruned
"""What a settled run reached by the study's metric, where it was stopped early, or None for
neither."""


def outcome_of(trajectory: Trajectory, metric: Metric) -> Outcome:
    """What a run reached; None for one that diverged or does not have what the metric asks for."""
    table = trajectory.table
    if trajectory.diverged_at is not None or metric.column not in table.column_names:
        return None
    if trajectory.pruned_at is not None or metric.kind == FINAL:
        value = table.column(metric.column)[-1].as_py()
        if value is None or not math.isfinite(value):
            return None
        return value if trajectory.pruned_at is None else Pruned(trajectory.pruned_at, value)
    names = [name for name in metric.columns if name in table.column_names]
    return metric.of(table.select(["step", *names]).to_pandas().set_index("step"))


class Results:
    """The settled runs of a study: those that are committed, and those that were passed over.

    Passed over are runs that failed for good and that a sampler which learns went on without: what
    it drew later depends on that, so they are not tried again. ``passed_over`` is the file that
    keeps their ids; it is made when there is one. Values are read from the store once. Raises
    ``StudyError`` if that file is damaged.
    """

    def __init__(self, store: Store, metric: Metric, passed_over: Document) -> None:
        self.committed = store.committed()
        self._store, self._metric = store, metric
        self._file = passed_over
        self._passed_over = read_ids(passed_over)
        self._values: dict[str, Outcome] = {}

    @classmethod
    def sound(cls, store: Store, metric: Metric, passed_over: Document) -> Results:
        """The results without the runs whose files are damaged: those count as not done."""
        results = cls(store, metric, passed_over)
        results.committed -= store.damaged().keys()
        return results

    def __contains__(self, run_id: str) -> bool:
        """Whether a run is settled."""
        return run_id in self.committed or run_id in self._passed_over

    def value(self, run_id: str) -> Outcome:
        """What a settled run reached.

        Raises ``TrajectoryError`` if its files are damaged.
        """
        if run_id not in self.committed:
            return None
        if run_id not in self._values:
            names = ["step", self._metric.column, *self._metric.columns]
            self._values[run_id] = outcome_of(self._store.columns(run_id, names), self._metric)
        return self._values[run_id]

    def begun(self) -> list[list[str]]:
        """The runs of each pack that was left in the middle of its training, by run id."""
        return begun(self._store.root)

    def cohorts(self) -> list[list[str]]:
        """The runs of each pack whose judgements began, by run id; some may be committed."""
        return [cohort.runs for cohort in cohorts(self._store.root)]

    def learn(self, run_id: str, value: Outcome) -> None:
        """Take note of a run that a worker has just committed."""
        self.committed.add(run_id)
        self._values[run_id] = value

    def look_again(self) -> None:
        """Look for runs of workers that died after a commit and before they reported it."""
        self.committed = self._store.committed()

    def gone(self) -> set[str]:
        """Runs that were committed and are not in the store any more."""
        return self.committed - self._store.committed()

    def pass_over(self, run_ids: Iterable[str]) -> None:
        """Settle runs that failed, for good."""
        self._passed_over.update(run_ids)
        self._file.write_text(json.dumps(sorted(self._passed_over)))


def read_ids(file: Document) -> set[str]:
    """The ids that ``pass_over`` wrote; raises ``StudyError`` for anything else."""
    if not file.is_file():
        return set()
    try:
        found = json.loads(file.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(_is_id(one) for one in found):
        raise StudyError(f"{file}: damaged: not a list of run ids")
    return set(found)


def _is_id(found: object) -> bool:
    return isinstance(found, str) and re.fullmatch("[0-9a-f]{16}", found) is not None
