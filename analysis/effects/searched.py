"""The search of one model as a table: what was varied, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np
import pandas as pd

from analysis.effects.axes import Axis, axis_of
from analysis.load import StudyData, stopped_early
from analysis.plateau import Plateau, find_plateau
from analysis.ranking import Direction, final_value
from analysis.rules import PlateauRule

REGIMES = ("diverged", "low loss, wrong solution", "never left", "left", "no plateau")
"""How a run ends, exclusive: the first that applies."""
END = "the end of the plateau"
"""What the step is called at which a run has left its plateau."""


@dataclass(frozen=True)
class Searched:
    """The search runs of one model, without those that a pruner stopped early (`pruned` of them).

    `runs` has the index `run_id` and the columns `value` (the search's metric; null for a run that
    has none, as it diverged), `end` (the first step after the plateau; infinite for a run that
    never left it or diverged, null where there was no plateau), `last` (the last recorded step) and
    `regime` (one of REGIMES). `axes` are the keys that took more than one value.
    `draws_at_random` tells that no draw depended on the value of an earlier one: importances and
    tests need that.
    """

    model: str
    metric: str
    direction: Direction
    runs: pd.DataFrame
    axes: tuple[Axis, ...]
    pruned: int
    draws_at_random: bool

    @property
    def targets(self) -> dict[str, pd.Series[float]]:
        """What hyperparameters may matter for, small is good: the metric, the plateau's end.

        A run without a value counts as worse than any that has one. The plateau's end is that of
        the runs that had a plateau; it is absent if no run left one.
        """
        value = self.runs["value"] if self.direction == "minimize" else -self.runs["value"]
        found = {self.metric: value.fillna(inf)}
        end = self.runs["end"].dropna()
        return found | ({END: end} if np.isfinite(end).any() else {})


def searches(
    data: StudyData,
    rule: PlateauRule,
    ends: pd.DataFrame,
    metric: str,
    direction: Direction,
    *,
    draws_at_random: bool = True,
) -> list[Searched]:
    """The search of every model that varied something; `ends` is the table of `outcomes`."""
    runs = data.runs[data.runs["stage"] == "search"]
    stopped = stopped_early(runs)
    found = []
    for model, of_model in runs.groupby("model", sort=False):
        whole = of_model[~stopped[of_model.index]]
        known = (
            axis_of(key, whole[key]) for key in data.varied if whole[key].nunique(dropna=False) > 1
        )
        axes = tuple(known)
        if axes:
            found.append(
                Searched(
                    model=str(model),
                    metric=metric,
                    direction=direction,
                    runs=_table(data, rule, ends, metric, whole),
                    axes=axes,
                    pruned=len(of_model) - len(whole),
                    draws_at_random=draws_at_random,
                )
            )
    return found


def _table(
    data: StudyData, rule: PlateauRule, ends: pd.DataFrame, metric: str, runs: pd.DataFrame
) -> pd.DataFrame:
    rows = []
    for run_id, diverged in runs["diverged_at"].notna().items():
        curve = data.columns(str(run_id), [rule.curve])[rule.curve]
        plateau = find_plateau(curve, rule)
        rows.append(
            {
                "value": final_value(data, str(run_id), metric),
                "end": _end(plateau, diverged=diverged),
                "last": float(curve.index[-1]),
                "regime": _regime(plateau, diverged=diverged, wrong=bool(ends.at[run_id, "wrong"])),
            }
        )
    return pd.DataFrame(rows, index=runs.index)


def _end(plateau: Plateau, *, diverged: bool) -> float:
    """The first step after the plateau, counted from step 0: infinite if it was never left."""
    if diverged or plateau.censored:
        return inf
    return nan if plateau.end is None else float(plateau.end)


def _regime(plateau: Plateau, *, diverged: bool, wrong: bool) -> str:
    applies = (diverged, wrong, plateau.censored, plateau.end is not None, True)
    return REGIMES[applies.index(True)]
