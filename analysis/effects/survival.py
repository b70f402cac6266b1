"""How long runs stay on their plateaus: Kaplan and Meier's curves, and the log-rank test.

The time of a run is the first step after its plateau, counted from step 0. A run that never left it
is known up to its last step; one that diverged never leaves, and counts as going on for ever. The
test is that of log-rank scores under permutations of the runs (Peto and Peto 1972): it is about
"this hyperparameter has no effect at all", for which runs are exchangeable when no draw depended on
an earlier run's value. In a grid it errs on the side of no effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

from analysis.censored import Lengths, Median
from analysis.effects.axes import Axis

PARTS = 3  # of a range
FEWEST = 5  # runs of a value from which it counts in the test, as of seeds elsewhere


@dataclass(frozen=True)
class Group:
    """The runs of one value: steps, and the share still on the plateau from each of them on."""

    name: str
    runs: int
    left: int
    median: Median
    steps: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Survival:
    """The curves of a hyperparameter's values; `p` of "no effect", None where not tested."""

    axis: Axis
    groups: list[Group]
    p: float | None


def survival(axis: Axis, runs: pd.DataFrame, tested: pd.DataFrame | None = None) -> Survival:
    """The curves of the runs of a table (`end`, `stays`) that had a plateau or diverged.

    `tested` is such a table of what was drawn independently: runs, or of several seeds the
    configurations' medians. Values with fewer than FEWEST of them have no part in the test.
    """
    levels, names = axis.cut(PARTS)
    groups = [_group(names[level], lengths) for level, lengths in _by_level(levels, runs).items()]
    if tested is None:
        return Survival(axis, groups, None)
    lengths = _by_level(levels, tested).values()
    enough = [each for each in lengths if len(each.values) >= FEWEST]
    return Survival(axis, groups, log_rank(enough) if len(enough) > 1 else None)


def _by_level(levels: pd.Series[int], runs: pd.DataFrame) -> dict[int, Lengths]:
    known = runs[runs["end"].notna()]
    of_known = levels.loc[known.index]
    return {level: lengths_of(known[of_known == level]) for level in sorted(set(of_known))}


def lengths_of(runs: pd.DataFrame) -> Lengths:
    """The ends of plateaus; of a run that never left its plateau, how long it stays at least."""
    stays = ~np.isfinite(runs["end"])
    values = runs["end"].where(~stays, runs["stays"])
    return Lengths(values.to_numpy(dtype=float), stays.to_numpy())


def _group(name: str, lengths: Lengths) -> Group:
    longest = _finite(lengths)
    shown = np.minimum(lengths.values, longest)
    data = stats.CensoredData(uncensored=shown[~lengths.censored], right=shown[lengths.censored])
    curve = stats.ecdf(data).sf
    return Group(
        name=name,
        runs=len(shown),
        left=int((~lengths.censored).sum()),
        median=Lengths(shown, lengths.censored).median(),
        steps=np.concatenate([[0.0], curve.quantiles, [longest]]),
        shares=np.concatenate([[1.0], curve.probabilities, curve.probabilities[-1:]]),
    )


def _finite(lengths: Lengths) -> float:
    known = lengths.values[np.isfinite(lengths.values)]
    return float(known.max()) if len(known) else 1.0


def log_rank(groups: list[Lengths]) -> float | None:
    """The two-sided p-value of "all groups have one distribution"; None if no run ended.

    Every run's score is 1 if it ended, less the hazard that it lived through. The sum of squares of
    the groups' mean scores follows a chi-squared distribution over permutations of the runs.
    """
    values = np.concatenate([of.values for of in groups])
    ended = ~np.concatenate([of.censored for of in groups])
    times = np.unique(values[ended])
    at_risk = len(values) - np.searchsorted(np.sort(values), times, side="left")
    deaths = np.array([(ended & (values == time)).sum() for time in times])
    hazard = np.concatenate([[0.0], np.cumsum(deaths / at_risk)])
    scores = ended - hazard[np.searchsorted(times, values, side="right")]
    variance = float((scores**2).sum()) / (len(scores) - 1)
    if not variance > 0:
        return None
    ends = np.cumsum([len(of.values) for of in groups])[:-1]
    parts = np.split(scores, ends)
    statistic = sum(float(part.sum()) ** 2 / len(part) for part in parts) / variance
    return float(special.chdtrc(len(groups) - 1, statistic))
