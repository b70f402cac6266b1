"""Searches of the reference study's space, replayed: what a run reaches is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.effects.axes import axis_of
from analysis.effects.importance import most_important
from analysis.metric import Metric
from pinn_core.training.operations import flops
from sweeps.search.search import ModelSearch
from sweeps.store.results import Outcome, Pruned
from sweeps.study.plan import Run, make_packs, model_points, search_run
from sweeps.study.pruners import Pruner
from sweeps.study.study import Study, load_study

COLUMN = "loss/regression"
LEVEL = 1.0
"""Of the mean squared error: what leaves the plateau, which lies at 1.6, goes below it."""
LAST, STEPS = "last loss", "steps to the level"
GOALS = {LAST: COLUMN, STEPS: f"steps_to({COLUMN}, {LEVEL:g})"}
SLOTS = 2
"""Packs are made as for so many at a time."""


@dataclass(frozen=True)
class Grid:
    """All configurations of one model: what each reached on its way, and what it costs."""

    curves: Mapping[str, pd.DataFrame]
    values: Mapping[str, np.ndarray]
    """At every step the last known value of the curve."""
    operations: Mapping[str, float]
    table: pd.DataFrame
    """A row for each configuration, its varied values, by its key."""
    run_ids: Mapping[str, str]
    """In the data set."""

    @classmethod
    def of(cls, data: pd.DataFrame, model: str) -> Grid:
        """From the data set."""
        study = load_study("plateaus")
        runs = [search_run(study, model, point) for point in model_points(study, model)]
        rows = data[(data["model"] == model) & (data["stage"] == "search")].set_index("run_id")
        curves, values, operations = {}, {}, {}
        for run in runs:
            row = rows.loc[run.run_id]
            index = pd.Index(row["curve.step"], name="step")
            curve = pd.DataFrame({COLUMN: row[f"curve.{COLUMN}"]}, index)
            curves[key_of(run)] = curve
            values[key_of(run)] = curve[COLUMN].reindex(range(index[-1] + 1)).ffill().to_numpy()
            operations[key_of(run)] = flops(run.configuration)
        varied = pd.DataFrame([run.varied for run in runs], index=pd.Index(list(curves)))
        run_ids = {key_of(run): run.run_id for run in runs}
        return cls(curves, values, operations, varied, run_ids)

    @cached_property
    def ranks(self) -> Mapping[str, pd.Series[float]]:
        """By goal, the rank of every configuration, small ones being good."""
        return {goal: self._ranked(Metric.read(metric)) for goal, metric in GOALS.items()}

    @cached_property
    def important(self) -> Mapping[str, frozenset[str]]:
        """The three most important hyperparameters of the whole grid, by goal."""
        return {goal: three_of(self.table, found) for goal, found in self.ranks.items()}

    def _ranked(self, metric: Metric) -> pd.Series[float]:
        ranks = {key: metric.rank(metric.of(curve)) for key, curve in self.curves.items()}
        return pd.Series(ranks, index=self.table.index)


@dataclass(frozen=True)
class Tried:
    """One run of a search: how far it was trained, and what it reached."""

    key: str
    steps: int
    outcome: Outcome


def key_of(run: Run) -> str:
    """Its varied values in the order of their keys."""
    return " ".join(str(run.varied[key]) for key in sorted(run.varied))


def carried_out(study: Study, model: str, grid: Grid) -> list[Tried]:
    """The runs of a search, in the order in which they end on one core after the other."""
    search, tried = ModelSearch(study, model), list[Tried]()
    while asked := search.ask():
        told: dict[str, Outcome] = {}
        for pack in make_packs(asked, study.resources, SLOTS):
            ended = dict(_trained(pack.runs, study, grid, tried))
            told |= {run_id: one.outcome for run_id, one in ended.items()}
            tried += ended.values()
        search.tell(told)
    return tried


def _trained(
    runs: Sequence[Run], study: Study, grid: Grid, before: Sequence[Tried]
) -> Iterator[tuple[str, Tried]]:
    """A pack's runs, those that its pruner stops first."""
    rule, going, values = study.search.pruner, list(runs), list[list[float]]()
    end = int(grid.curves[key_of(runs[0])].index[-1])
    for rung in rule.rungs(end):
        values.append([grid.values[key_of(run)][rung] for run in going])
        stops = rule.stops(np.array(values), _others(rule, grid, before, rung))
        for run in (run for run, stopped in zip(going, stops, strict=True) if stopped):
            key = key_of(run)
            yield run.run_id, Tried(key, rung, Pruned(rung, float(grid.values[key][rung])))
        staying = np.flatnonzero(~stops)
        going = [going[place] for place in staying]
        values = [[row[place] for place in staying] for row in values]
        if not going:
            return
    for run in going:
        key = key_of(run)
        yield run.run_id, Tried(key, end, study.metric.of(grid.curves[key]))


def _others(rule: Pruner, grid: Grid, before: Sequence[Tried], rung: int) -> np.ndarray:
    """Values at a rung of the runs that ended before, as the program's judge takes them."""
    counted = [one for one in before if not (rule.complete and isinstance(one.outcome, Pruned))]
    return np.array([grid.values[one.key][rung] for one in counted if one.steps >= rung], float)


def three_of(table: pd.DataFrame, target: pd.Series[float]) -> frozenset[str]:
    """The three most important of the table's columns for a small target; none if unknown."""
    axes = [axis_of(str(key), table[key]) for key in table]
    return frozenset(most_important(axes, target, 3))
