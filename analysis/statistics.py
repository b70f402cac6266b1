"""What a run does inside and after its plateau, and how sure that is over seeds.

Quantities are columns of one wide table, a row per run:

- `plateau.start`, `plateau.length`, `plateau.censored`, `final.<column>`, `lowest.<column>`
- `inside.mean.<column>`, `inside.sd.<column>` over the plateau's steps, `after.mean.<column>`,
  `after.sd.<column>` over those after it, for every recorded column
- `inside.distance`, `after.distance`: from the parameters at the part's first step to those at its
  end; `inside.distance_per_step`, `after.distance_per_step`
- `conflict.rate`, `inside.conflict_rate`, `after.conflict_rate`: the share of recorded steps at
  which the gradients of the equation and of the conditions have a negative cosine
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import pandas as pd

from analysis import estimates
from analysis.censored import Lengths, Median, ratio_of_lengths
from analysis.distances import SHARED_ERROR, sketched
from analysis.estimates import Estimate
from analysis.load import StudyData
from analysis.plateau import Plateau, conflict_rate, plateau_of, summary_metrics
from analysis.rules import PlateauRule
from analysis.wording import number

LENGTH = "plateau.length"  # the one quantity that may be a lower bound


def run_statistics(trajectory: pd.DataFrame, rule: PlateauRule) -> dict[str, float]:
    """All quantities of one run; what it lacks (`after` of a censored plateau) is absent."""
    quantities = summary_metrics(trajectory, rule)
    recorded = trajectory.select_dtypes("number").replace([np.inf, -np.inf], np.nan)
    for part, (first, last) in _parts(trajectory, plateau_of(trajectory, rule)).items():
        rows = recorded.loc[first : last - 1]
        for statistic, values in (("mean", rows.mean()), ("sd", rows.std())):
            known = values.dropna().items()
            quantities |= {f"{part}.{statistic}.{column}": value for column, value in known}
        rate = conflict_rate(trajectory.loc[first : last - 1])
        if rate is not None:
            quantities[f"{part}.conflict_rate"] = rate
        travelled = distance(trajectory, first, last)
        if travelled is not None:
            quantities[f"{part}.distance"], steps = travelled
            quantities[f"{part}.distance_per_step"] = travelled[0] / steps
    return quantities


def _parts(trajectory: pd.DataFrame, plateau: Plateau) -> dict[str, tuple[int, int]]:
    """First step and the step after the last, of the plateau and of what follows it."""
    if plateau.start is None:
        return {}
    parts = {"inside": (plateau.start, plateau.start + plateau.length)}
    if plateau.end is not None:
        parts["after"] = (plateau.end, int(trajectory.index[-1]) + 1)
    return parts


def distance(trajectory: pd.DataFrame, first: int, last: int) -> tuple[float, int] | None:
    """How far the parameters of two steps lie apart, and the number of steps that was taken over.

    From the sketches nearest to the two steps: random projections, which keep a run's distance with
    a standard error of 3.1 % (`analysis.distances` says what that does to intervals). None without
    sketches: distances from the initial parameters tell only how far apart two steps are at least.
    """
    recorded = trajectory["sketch"].dropna() if "sketch" in trajectory else pd.Series()
    if not len(recorded):
        return None
    steps = recorded.index.to_numpy()
    begin, end = (int(steps[np.abs(steps - step).argmin()]) for step in (first, last))
    apart = np.linalg.norm(np.asarray(recorded[end], dtype=float) - recorded[begin])
    return (float(apart), end - begin) if end > begin else None


def per_run(data: StudyData, rule: PlateauRule, runs: Iterable[str]) -> pd.DataFrame:
    """The table of quantities: index `run_id`, columns `model`, `seed`, then the quantities.

    A run that diverged before it had a plateau has not shown that there is none: its length of 0
    is a lower bound.
    """
    runs = list(runs)
    about = data.runs.loc[runs, ["model", "seed"]]
    quantities = [run_statistics(data.trajectory(run_id), rule) for run_id in runs]
    table = about.join(pd.DataFrame(quantities, index=about.index))
    if "diverged_at" in data.runs:
        unseen = data.runs.loc[runs, "diverged_at"].notna() & (table[LENGTH] == 0)
        table.loc[unseen, "plateau.censored"] = 1.0
    return table


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Every quantity of every model over its seeds.

    Index: `model`, `quantity`. Columns: `seeds` (how many have it), `censored` (how many of those
    never left the plateau), `mean`, `sd`, `median`, and `low`, `high`: the 95 % interval of the
    median, null below five seeds. The median of lengths is Kaplan and Meier's, without an interval
    where some are lower bounds; `at_least` tells that it is itself one.
    """
    rows = []
    for model, runs in table.groupby("model"):
        for quantity in runs.columns.drop(["model", "seed"]):
            values = runs[quantity].dropna()
            censored = runs.loc[values.index, "plateau.censored"]
            bounds = quantity == LENGTH and censored.any()
            median = median_of(runs, quantity)
            interval = None if bounds or values.empty else estimates.median(values).interval
            low, high = interval or (np.nan, np.nan)
            rows.append(
                {
                    "model": model,
                    "quantity": quantity,
                    "seeds": len(values),
                    "censored": int(censored.sum()),
                    "mean": values.mean(),
                    "sd": values.std(),
                    "median": median.value,
                    "at_least": median.at_least,
                    "low": low,
                    "high": high,
                }
            )
    return pd.DataFrame(rows).set_index(["model", "quantity"])


def median_of(runs: pd.DataFrame, quantity: str = LENGTH) -> Median:
    """The median over runs of the table of `per_run`; of lengths Kaplan and Meier's."""
    if quantity == LENGTH:
        return Lengths.of(runs[LENGTH], runs["plateau.censored"]).median()
    return Median(float(runs[quantity].median()), at_least=False)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One quantity, one model against another.

    `estimate` is the ratio or the difference, first to second, of their `centers`: in words, the
    geometric means (of a ratio), the means (of a difference), or the medians (of lengths of which
    some are lower bounds, or zero). It is None where a model has no run, or values without a ratio.
    `censored` are the runs of each model that never left the plateau.
    """

    seeds: tuple[int, int]
    censored: tuple[int, int]
    kind: str
    centers: tuple[str, str] = ("", "")
    estimate: Estimate | None = None


def compare_ratio(table: pd.DataFrame, quantity: str, first: str, second: str) -> Comparison:
    """The ratio of a quantity of the table (from `per_run`) between two models."""
    one, other, unknown = _samples(table, quantity, first, second)
    positive = bool((one > 0).all() and (other > 0).all())
    if unknown.seeds[0] == 0 or unknown.seeds[1] == 0:
        return unknown
    if quantity == LENGTH and (any(unknown.censored) or not positive):
        lengths = [Lengths.of(each, table["plateau.censored"][each.index]) for each in (one, other)]
        return replace(
            unknown,
            kind="medians",
            centers=(str(lengths[0].median()), str(lengths[1].median())),
            estimate=ratio_of_lengths(*lengths),
        )
    if not positive:
        return unknown
    return replace(
        unknown,
        kind="geometric means",
        centers=(_geometric_mean(one), _geometric_mean(other)),
        estimate=estimates.ratio(one, other, sqrt(2) * SHARED_ERROR * sketched(quantity)),
    )


def _geometric_mean(values: pd.Series[float]) -> str:
    return number(float(np.exp(np.log(values).mean())))


def compare_difference(table: pd.DataFrame, quantity: str, first: str, second: str) -> Comparison:
    """The difference of a quantity of the table (from `per_run`) between two models."""
    one, other, unknown = _samples(table, quantity, first, second)
    if unknown.seeds[0] == 0 or unknown.seeds[1] == 0:
        return unknown
    return replace(
        unknown,
        kind="means",
        centers=(number(float(one.mean())), number(float(other.mean()))),
        estimate=estimates.difference_of_means(one, other),
    )


def _samples(
    table: pd.DataFrame, quantity: str, first: str, second: str
) -> tuple[pd.Series[float], pd.Series[float], Comparison]:
    one, other = (_values(table, quantity, model) for model in (first, second))
    censored = [int(table.loc[each.index, "plateau.censored"].sum()) for each in (one, other)]
    seeds = (len(one), len(other))
    return one, other, Comparison(seeds=seeds, censored=(censored[0], censored[1]), kind="")


def _values(table: pd.DataFrame, quantity: str, model: str) -> pd.Series[float]:
    column = table[quantity] if quantity in table else pd.Series(dtype=float)
    return column[table["model"] == model].dropna() if len(column) else column
