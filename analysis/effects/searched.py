"""The search of one model as a table: what was varied, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, nan

import numpy as np
import pandas as pd

from analysis.effects.axes import Axis, axis_of
from analysis.load import StudyData, stopped_early
from analysis.metric import Metric, Unreached
from analysis.plateau import Plateau, find_plateau
from analysis.ranking import number_of, reached_of
from analysis.rules import PlateauRule

REGIMES = ("diverged", "low loss, wrong solution", "never left", "left", "no plateau")
"""How a run ends, exclusive: the first that applies."""
END = "the end of the plateau"
"""What the step is called at which a run has left its plateau."""


@dataclass(frozen=True)
class Searched:
    """The search of one model, without the runs that a pruner stopped early (`pruned` of them).

    `runs` has the index `run_id` and the columns `setting`, `value` (the search's metric; null for
    a run that has none, as it diverged), `unreached` (whether it never reached the metric's level,
    so that `value` is the score by which it is ranked), `end` (the first step after the plateau;
    infinite for a run that never left it or diverged, null where there was no plateau), `stays`
    (up to which step it is known to stay there: its last one, or infinite if it diverged), `last`
    (the last recorded step), `regime` (one of REGIMES) and `again` (whether a run that left its
    first plateau is flat again at its end). `axes` are the keys that took more than one value.
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
        """`value`, `reached`, `end` and `stays` of every configuration: medians over its seeds.

        `reached` is the metric as it may be shown: infinite where it never reached its level, while
        `value` has a score there. A run without a value counts as the worst, and one without a
        plateau is left out. The index is each one's first run. With one seed for each configuration
        these are the runs.
        """
        value = self.runs["value"].fillna(-inf if self.metric.maximize else inf)
        reached = value.mask(self.runs["unreached"], inf)
        runs = self.runs.assign(value=value, reached=reached, run_id=self.runs.index)
        found = runs.groupby("setting", sort=False).agg(
            run_id=("run_id", "first"),
            value=("value", _median),
            reached=("reached", _median),
            end=("end", _median),
            stays=("stays", "max"),
        )
        return found.set_index("run_id")

    @property
    def targets(self) -> dict[str, pd.Series[float]]:
        """What hyperparameters may matter for, small is good: the metric, the plateau's end.

        Of configurations: infinite where most runs have no value, or never leave their plateau. The
        plateau's end is that of those that had one; it is absent if no run left one. The numbers
        are for ranks: where most runs never reached the metric's level, its number is a score.
        """
        return self._targets("value")

    @property
    def shown_targets(self) -> dict[str, pd.Series[float]]:
        """The same targets as a reader may see them: infinite in the place of a score."""
        return self._targets("reached")

    def _targets(self, metric: str) -> dict[str, pd.Series[float]]:
        """`metric` is the column of `configurations` that has the metric's numbers."""
        value = self.configurations[metric]
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
        reached = reached_of(data, str(run_id), metric)
        rows.append(
            {
                "value": number_of(metric, reached),
                "unreached": isinstance(reached, Unreached),
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
