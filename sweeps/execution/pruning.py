"""Which runs of a pack stop early: they are compared with each other and with the store's."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray

from analysis.metric import Metric
from pinn_core.records.trajectory import Manifest, TrajectoryError
from pinn_core.training.pruning import Pruning
from sweeps.store.blob_store import READERS
from sweeps.store.cohorts import cohort_of
from sweeps.store.store import Store
from sweeps.study.plan import Run
from sweeps.study.pruners import PRUNERS, Pruner
from sweeps.study.validation import read_part

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rivals:
    """Runs of one model in the store: their values (rungs, k), and how long each counts."""

    values: ndarray
    last: ndarray
    """The last step at which each is counted among the others (k)."""

    def at(self, place: int, step: int) -> ndarray:
        """Values at a rung of those that count there."""
        found: ndarray = self.values[place, self.last >= step]
        return found


@dataclass(frozen=True)
class Judge:
    """Which members of a pack stop early; the models of a study are judged apart."""

    pruner: Pruner
    rungs: Sequence[int]
    models: Sequence[str]
    """Of every run that the pack began with."""
    rivals: Mapping[str, Rivals]
    sign: float
    """-1 where large values are good."""

    def __call__(self, step: int, values: ndarray, members: Sequence[int]) -> list[int]:
        """Positions of the runs that stop."""
        stopped = []
        for model, rivals in self.rivals.items():
            rows = [row for row, member in enumerate(members) if self.models[member] == model]
            if rows:
                others = rivals.at(self.rungs.index(step), step)
                found = self.pruner.stops(self.sign * values[:, rows], self.sign * others)
                stopped += [members[row] for row, stops in zip(rows, found, strict=True) if stops]
        return stopped


def pruning_of(
    runs: Sequence[Run],
    store: Store,
    pruner: Mapping[str, Any] | None,
    metric: Metric,
) -> Pruning | None:
    """How a pack of these runs is pruned, by the metric's column; None if it is not.

    Reruns never are.
    Committed runs count as they were when the pack began for the first time (``Cohort``).
    """
    if pruner is None or any(run.stage != "search" for run in runs):
        return None
    rule = read_part(PRUNERS, pruner)
    rungs = rule.rungs(runs[0].configuration.steps)
    if not rungs:
        return None
    models = [run.model for run in runs]
    rivals = {
        model: _rivals(manifests, store, rule, metric.column, rungs)
        for model, manifests in _opponents(runs, store).items()
    }
    sign = -1.0 if metric.maximize else 1.0
    return Pruning(metric.column, rungs, Judge(rule, rungs, models, rivals, sign))


def _opponents(runs: Sequence[Run], store: Store) -> dict[str, list[tuple[Manifest, bool]]]:
    """By model, the manifests of committed runs to compare with, and if they are of this cohort."""
    own = {run.run_id for run in runs}
    found: dict[str, list[tuple[Manifest, bool]]] = {run.model: [] for run in runs}
    known = {
        one.run_id: one
        for one in store.manifests()
        if one.stage == "search" and one.model in found and one.run_id not in own
    }
    cohort = cohort_of(store.root, [run.run_id for run in runs], known)
    for run_id in (*cohort.committed, *cohort.runs):
        if run_id in known:
            found[known[run_id].model].append((known[run_id], run_id in cohort.runs))
    return found


def _rivals(
    opponents: Sequence[tuple[Manifest, bool]],
    store: Store,
    rule: Pruner,
    metric: str,
    rungs: Sequence[int],
) -> Rivals:
    """Runs of the cohort count while they were in training, others as the rule says."""
    counted = [
        (manifest, manifest.pruned_at if peer and manifest.pruned_at is not None else inf)
        for manifest, peer in opponents
        if peer or not rule.complete or (manifest.pruned_at, manifest.diverged_at) == (None, None)
    ]
    with ThreadPoolExecutor(READERS) as pool:
        curves = list(pool.map(lambda one: _curve(store, one[0], metric, rungs), counted))
    values = np.array(curves, dtype=float).reshape(len(curves), len(rungs)).T
    return Rivals(values, np.array([last for _, last in counted], dtype=float))


def _curve(store: Store, manifest: Manifest, metric: str, rungs: Sequence[int]) -> ndarray:
    """A run's values at the rungs, NaN where it has none or its file is damaged."""
    found = np.full(len(rungs), np.nan)
    try:
        content = store.content(manifest)
    except TrajectoryError as error:
        log.warning("not compared with: %s", error)
        return found
    column = pq.read_table(pa.BufferReader(content), columns=[metric]).column(metric)
    values = column.to_numpy()[[rung for rung in rungs if rung < len(column)]]
    found[: len(values)] = np.where(np.isfinite(values), values, np.nan)
    return found
