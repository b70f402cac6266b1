"""What a study has left: its runs as tables, and each run's trained network."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.load import StudyData, from_store
from analysis.metric import FINAL, Metric
from analysis.ranking import compared_runs
from analysis.rules import ExplanationsRule
from pinn_core.prediction import VALUE, Solution
from pinn_core.records.trajectory import Manifest, TrajectoryError
from sweeps.checking.replay_run import Replayed, replay_run, run_named, trained_configuration
from sweeps.errors import StudyError
from sweeps.store.folder import StudyFolder
from sweeps.store.kept_study import load_sealed
from sweeps.store.remedy import advised, remedied, with_remedy
from sweeps.store.store import Store

if TYPE_CHECKING:
    from numpy import ndarray
    from numpy.typing import ArrayLike
    from pandas import DataFrame

    from pinn_core.engine.operators import Operator


@dataclass(frozen=True)
class StudyResults(StudyData):
    """A study's runs as tables (``StudyData``), and the networks that they left.

    ``load(STUDY).best().predict(points)`` is the solution of the best run at points of one's own.
    """

    folder: StudyFolder = field(kw_only=True)

    @classmethod
    def of(cls, folder: StudyFolder, name: str) -> StudyResults:
        """What is committed in a study's folder.

        Raises ``NoRuns`` where nothing is, and ``TrajectoryError`` for a damaged manifest.
        """
        with remedied(folder):
            data = advised(from_store(folder.store, name), folder)
        return cls(**{each.name: getattr(data, each.name) for each in fields(data)}, folder=folder)

    def run(self, run_id: str) -> TrainedRun:
        """One run, by its id or the beginning of it; raises ``StudyError``."""
        store = Store(self.folder.store)
        try:
            manifest = run_named(store, run_id)
        except TrajectoryError as error:
            raise StudyError(with_remedy(error, self.folder)) from None
        return TrainedRun(store, manifest, self.folder.replays)

    def best(self, model: str | None = None) -> TrainedRun:
        """The whole run, of search or rerun, that is the best by the study's metric.

        Of one ``model``, or of all. Raises ``StudyError`` where no run has such a number, and for a
        run whose file is damaged or missing: it might be the best.
        """
        metric = load_sealed(self.folder.study_file).metric
        models = sorted(self.runs["model"].unique())
        if model is not None and model not in models:
            raise StudyError(f"model: found {model!r}, allowed: {', '.join(models)}")
        asked = self.runs[self.runs["model"].isin([model] if model else models)]
        whole = asked.index[asked[["diverged_at", "pruned_at"]].isna().all(axis=1)]
        try:
            ranks = self._ranks(whole, metric)
        except TrajectoryError as error:
            raise StudyError(str(error)) from None
        if not ranks:
            last = "last value of " if metric.kind == FINAL else ""
            raise StudyError(f"study {self.name!r}: no run has a {last}{metric}")
        return self.run(min(ranks, key=lambda run_id: (ranks[run_id], run_id)))

    def _ranks(self, run_ids: Iterable[str], metric: Metric) -> dict[str, float]:
        """The numbers by which these runs are ranked, small ones being good, where there is one."""
        ranks: dict[str, float] = {}
        for run_id in run_ids:
            columns = self.columns(run_id, metric.columns)
            reached = metric.of(columns) if metric.column in columns else None
            if reached is not None:
                ranks[run_id] = metric.rank(reached)
        return ranks

    def leads(self, columns: Sequence[str] = (), window: int | None = None) -> DataFrame:
        """What changes before the plateau ends: a row for each model and column.

        Index: ``model``, ``column``. Columns: ``outcome``, ``runs``, ``lead`` in steps (negative: a
        lag) with ``low`` and ``high``, ``resolution``, and the corrected p-values ``tied``,
        ``moved``, ``apart`` (``analysis.explanations.lead``). Without ``columns`` and ``window`` as
        the study's ``analysis.explanations`` says. Raises ``StudyError`` where no run has one of
        the columns.
        """
        from analysis.explanations.explained import columns_there, explain, leads_table

        study = load_sealed(self.folder.study_file)
        asked = study.analysis.explanations
        runs = compared_runs(self, study.metric)
        wanted = tuple(columns) or asked.columns
        there = columns_there(self, runs)
        for name in wanted:
            if name.partition("[")[0] not in there:
                raise StudyError(f"columns: found {name!r}, allowed: {', '.join(there)}")
        rule = ExplanationsRule(columns=wanted, window=window or asked.window)
        return leads_table(explain(self, study.analysis.plateau, runs, rule))


@dataclass(frozen=True)
class TrainedRun:
    """A committed run: what it was, the network that it left, and any network on the way there."""

    store: Store
    manifest: Manifest
    replays: Path

    def solution(self, step: int | None = None, device: str = "cpu") -> Solution:
        """The network after ``step`` updates, or at the end: from the store, or else by a replay.

        Raises ``StudyError`` for a step that the run has not, for a run that diverged and has no
        end, and where the run was made by other code of a plugin.
        """
        configuration, last = trained_configuration(self.manifest), self.manifest.steps
        kept = self.store.parameters(self.manifest.run_id)
        step = last if step is None else step
        parameters = kept[step] if step in kept else self._replayed(step)
        return Solution(configuration, parameters, device)

    def predict(
        self,
        points: ArrayLike,
        what: str | Operator = VALUE,
        *,
        step: int | None = None,
        device: str = "cpu",
        **options: Any,  # noqa: ANN401
    ) -> ndarray:
        """``Solution.predict`` of the network after ``step`` updates, or at the end."""
        return self.solution(step, device).predict(points, what, **options)

    def replay(self, step: int) -> Replayed:
        """Train the run again up to a step, and compare what it records with what is stored."""
        folder = self.replays / self.manifest.run_id
        return replay_run(self.store, self.manifest, step, folder)

    def _replayed(self, step: int) -> ndarray:
        """Parameters of a step that the store does not have.

        Raises ``StudyError`` if they do not come out as stored; warns if that is not to the bit.
        """
        replayed = self.replay(step)
        if replayed.difference:
            raise StudyError(replayed.in_words)
        if not replayed.exact:
            warnings.warn(replayed.in_words, stacklevel=4)
        return replayed.parameters
