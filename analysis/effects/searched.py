"""The search of one model as a table: what was varied, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, nan

import numpy as np
import pandas as pd

from analysis.effects.axes import Axis, axis_of
from analysis.load import StudyData, stopped_early
from analysis.metric import Metric
from analysis.plateau import Plateau, find_plateau
from analysis.ranking import metric_value
from analysis.rules import PlateauRule

REGIMES = ("diverged", "low loss, wrong solution", "never left", "left", "no plateau")
"""How a run ends, exclusive: the first that applies."""
END = "the end of the plateau"
"""What the step is called at which a run has left its plateau."""


@dataclass(frozen=True)
class Searched:
    """The search of one model, without the runs that a pruner stopped early (`pruned` of them).

    `runs` has the index `run_id` and the columns `setting`, `value` (the search's metric; null for
    a run that has none, as it diverged), `end` (the first step after the plateau; infinite for a
    run that never left it or diverged, null where there was no plateau), `stays` (how long it is
    known to stay there: to its last step, of a run that diverged for ever), `last` (the last
    recorded step), `regime` (one of REGIMES) and `again` (whether a run that left its first plateau
    is flat again at its end). `axes` are the keys that took more than one value.
    `draws_at_random` tells that no draw depended on the value of an earlier one: importances and
    tests need that.
    """

    model: str
    metric: Metric
    runs: pd.DataFrame
    axes: tuple[Axis, ...]
    pruned: int
    draws_at_random: bool

    @cached_property
    def configurations(self) -> pd.DataFrame:
        """`value`, `end` and `stays` of every configuration: medians over its seeds.

        A run without a value counts as the worst, and one without a plateau is left out. The index
        is each one's first run. With one seed for each configuration these are the runs.
        """
        worst = -inf if self.metric.maximize else inf
        runs = self.runs.assign(value=self.runs["value"].fillna(worst), run_id=self.runs.index)
        found = runs.groupby("setting", sort=False).agg(
            run_id=("run_id", "first"),
            value=("value", _median),
            end=("end", _median),
            stays=("stays", "max"),
        )
        return found.set_index("run_id")

    @property
    def targets(self) -> dict[str, pd.Series[float]]:
        """What hyperparameters may matter for, small is good: the metric, the plateau's end.

        Of configurations: infinite where most runs have no value, or never leave their plateau. The
        plateau's end is that of those that had one; it is absent if no run left one.
        """
        value = self.configurations["value"]
        end = self.configurations["end"].dropna()
        found = {str(self.metric): -value if self.metric.maximize else value}
        return found | ({END: end} if np.isfinite(end).any() else {})


def _median(values: pd.Series[float]) -> float:
    """The median of those that are known, of two in the middle the mean, or infinity."""
    known = np.sort(values.dropna().to_numpy(dtype=float))
    middle = known[(len(known) - 1) // 2 : len(known) // 2 + 1]
    return float(middle.mean()) if len(middle) else nan


def searches(
    data: StudyData,
    rule: PlateauRule,
    ends: pd.DataFrame,
    metric: Metric,
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
                    runs=_table(data, rule, ends, metric, whole),
                    axes=axes,
                    pruned=len(of_model) - len(whole),
                    draws_at_random=draws_at_random,
                )
            )
    return found


def _table(
    data: StudyData, rule: PlateauRule, ends: pd.DataFrame, metric: Metric, runs: pd.DataFrame
) -> pd.DataFrame:
    rows = []
    for run_id, diverged in runs["diverged_at"].notna().items():
        curve = data.columns(str(run_id), [rule.curve])[rule.curve]
        plateau = find_plateau(curve, rule)
        rows.append(
            {
                "value": metric_value(data, str(run_id), metric),
                "end": _end(plateau, diverged=diverged),
                "stays": inf if diverged else float(curve.index[-1]),
                "last": float(curve.index[-1]),
                "regime": _regime(plateau, diverged=diverged, wrong=bool(ends.at[run_id, "wrong"])),
                "again": plateau.again,
            }
        )
    return pd.DataFrame(rows, index=runs.index).assign(setting=runs["setting"])


def _end(plateau: Plateau, *, diverged: bool) -> float:
    """The first step after the plateau, counted from step 0: infinite if it was never left."""
    if diverged or plateau.censored:
        return inf
    return nan if plateau.end is None else float(plateau.end)


def _regime(plateau: Plateau, *, diverged: bool, wrong: bool) -> str:
    applies = (diverged, wrong, plateau.censored, plateau.end is not None, True)
    return REGIMES[applies.index(True)]
