"""Interactions: where two hyperparameters do together what neither does alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.effects.axes import Axis, by_length_of_names

Values = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Pair:
    """Two axes and their interaction.

    `interaction` is the share of the variance of the runs' ranks that the cells of both explain
    beyond the sum of both effects, less what chance alone gives (epsilon squared); at least 0.
    `medians` are those of the target as it is shown in each cell, rows by the first axis's levels,
    infinite where most runs have no number, null where there is no run; `runs` counts them.
    """

    axes: tuple[Axis, Axis]
    names: tuple[list[str], list[str]]
    interaction: float
    medians: pd.DataFrame
    runs: pd.DataFrame


def pairs(
    axes: Sequence[Axis], target: pd.Series[float], shown: pd.Series[float] | None = None
) -> list[Pair]:
    """Every pair of axes, the strongest interaction first.

    Interactions go by the ranks of `target`; medians are of `shown`, the same runs, where given.
    """
    shown = target if shown is None else shown
    found = [_pair(one, other, target, shown) for one, other in combinations(axes, 2)]
    return sorted(found, key=lambda pair: -pair.interaction)


def _pair(one: Axis, other: Axis, target: pd.Series[float], shown: pd.Series[float]) -> Pair:
    one, other = by_length_of_names(one, other)
    (first, names), (second, other_names) = one.cut(), other.cut()
    first, second = first.loc[target.index], second.loc[target.index]
    cells = shown.groupby([first.rename("row"), second.rename("column")])
    rows, columns = range(len(names)), range(len(other_names))
    return Pair(
        axes=(one, other),
        names=(names, other_names),
        interaction=_interaction(first, second, target.rank()),
        medians=_grid(cells.quantile(0.5, interpolation="lower"), rows, columns),
        runs=_grid(cells.size(), rows, columns).fillna(0).astype(int),
    )


def _grid(cells: pd.Series[Any], rows: range, columns: range) -> pd.DataFrame:
    return cells.unstack().reindex(index=rows, columns=columns)


def _interaction(first: pd.Series[int], second: pd.Series[int], ranks: pd.Series[float]) -> float:
    values = ranks.to_numpy(dtype=float)
    whole = float(((values - values.mean()) ** 2).sum())
    one, other = (pd.get_dummies(each).to_numpy(dtype=float) for each in (first, second))
    cells = pd.get_dummies(pd.Series(list(zip(first, second, strict=True)))).to_numpy(dtype=float)
    (added, without), (together, within) = (
        _fit(np.hstack([one, other]), values),
        _fit(cells, values),
    )
    spare = len(values) - together
    if not whole or together == added:
        return 0.0
    by_chance = (together - added) * within / spare if spare else 0.0
    return max(0.0, (without - within - by_chance) / whole)


def _fit(design: Values, values: Values) -> tuple[int, float]:
    """The rank of a linear model and the sum of squares that it leaves."""
    solution, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    return int(rank), float(((values - design @ solution) ** 2).sum())
