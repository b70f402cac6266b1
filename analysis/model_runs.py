"""A model's compared runs in one of several studies: what was measured, and what are bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np
import pandas as pd

from analysis.censored import Lengths
from analysis.load import ENDS, StudyData
from analysis.metric import FINAL, Metric, Reached, Unreached
from analysis.ranking import LAST_LOSS, reached_of
from analysis.rules import PlateauRule
from analysis.statistics import LENGTH, per_run
from analysis.wording import NONE

FINALS = ("final.loss/", "final.error/")
"""Beginnings of the quantities that are infinite for a run that diverged."""


@dataclass(frozen=True)
class StudyRead:
    """A study, what it is called beside the others, and how it is read."""

    label: str
    data: StudyData
    rule: PlateauRule
    metric: Metric = LAST_LOSS


@dataclass(frozen=True)
class ModelRuns:
    """The runs of one model in one study, and the table of their quantities.

    ``bounds`` tells of some quantities in which runs they are lower bounds.
    """

    about: pd.DataFrame
    table: pd.DataFrame
    bounds: Mapping[str, pd.Series[bool]]

    def knows(self, quantity: str) -> bool:
        """Whether any run has the quantity."""
        return quantity in self.table and bool(self.table[quantity].notna().any())

    def lengths(self, quantity: str) -> Lengths:
        """The values of a quantity, and which of them are bounds."""
        values = self.table[quantity]
        return Lengths.of(values, self.bounds.get(quantity, values != values))

    def setting(self, key: str) -> str:
        """The values of a key, as text."""
        values = self.about.get(key, [None])
        return ", ".join(dict.fromkeys(_text(value) for value in values))


def quantity_of(metric: Metric) -> str:
    """What a metric is called among the quantities.

    >>> quantity_of(Metric.read("loss/total")), quantity_of(Metric.read("best(loss/total)"))
    ('final.loss/total', 'best(loss/total)')
    """
    return f"final.{metric.column}" if metric.kind == FINAL else str(metric)


def runs_of(
    read: StudyRead,
    runs: Sequence[str],
    model: str,
    rule: PlateauRule,
    metrics: Mapping[str, Metric],
) -> ModelRuns:
    """Those of a study's ``runs`` that are of a model; ``metrics`` add quantities by name."""
    about = read.data.runs.loc[[run for run in runs if read.data.runs.at[run, "model"] == model]]
    table = per_run(read.data, rule, about.index)
    bounds = {LENGTH: table["plateau.censored"] == 1}
    for name, metric in metrics.items():
        if metric.kind != FINAL:
            table[name], bounds[name] = _reached(read.data, about, metric)
    return ModelRuns(about, table, bounds)


def _reached(
    data: StudyData, about: pd.DataFrame, metric: Metric
) -> tuple[pd.Series[float], pd.Series[bool]]:
    """A metric's numbers, and which are lower bounds; a run that diverged never gets there."""
    numbers, bounds = [], []
    for run_id, diverged in about[ENDS[0]].notna().items():
        found = None if diverged else _number(data, str(run_id), metric)
        bounds.append(isinstance(found, Unreached))
        known = found.at_least if isinstance(found, Unreached) else found
        numbers.append(inf if diverged and not metric.maximize else nan if known is None else known)
    return pd.Series(numbers, about.index, dtype=float), pd.Series(bounds, about.index)


def _number(data: StudyData, run_id: str, metric: Metric) -> Reached:
    """What a run reached; None also where its column was not recorded."""
    try:
        return reached_of(data, run_id, metric)
    except ValueError:
        return None


def aligned(sides: Sequence[ModelRuns]) -> list[ModelRuns]:
    """The tables with the same columns; final losses and errors of diverged runs are infinite."""
    names = list(dict.fromkeys(str(name) for side in sides for name in side.table))
    finals = [name for name in names if name.startswith(FINALS)]
    found = []
    for side in sides:
        table, diverged = side.table.reindex(columns=names), side.about[ENDS[0]].notna()
        recorded = [name for name in finals if diverged.all() or table[name].notna().any()]
        infinite = {name: table[name].astype(float).mask(diverged, inf) for name in recorded}
        found.append(ModelRuns(side.about, table.assign(**infinite), side.bounds))
    return found


def _text(value: object) -> str:
    """A value of a configuration; a dash for what is not there."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return NONE
    return f"{value:g}" if isinstance(value, float) else str(value)
