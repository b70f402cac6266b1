"""The phase diagram: how runs end, over two hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.effects.axes import Axis, by_length_of_names
from analysis.effects.searched import REGIMES


@dataclass(frozen=True)
class Phases:
    """Two axes with the names of their levels, and what share of each cell's runs ends how.

    `shares` has a row for every cell with a run, by the places of both levels, a column for each of
    REGIMES, and `runs`.
    """

    axes: tuple[Axis, Axis]
    names: tuple[list[str], list[str]]
    shares: pd.DataFrame


def phases(one: Axis, other: Axis, regimes: pd.Series[str]) -> Phases:
    """The diagram of the regimes of runs; the axis with the longer names goes upwards."""
    one, other = by_length_of_names(one, other)
    (first, names), (second, other_names) = one.cut(), other.cut()
    cells = [first.loc[regimes.index].rename("row"), second.loc[regimes.index].rename("column")]
    counts = pd.crosstab(cells, regimes).reindex(columns=list(REGIMES), fill_value=0)
    runs = counts.sum(axis=1)
    return Phases((one, other), (names, other_names), counts.div(runs, axis=0).assign(runs=runs))
