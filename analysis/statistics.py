"""What a run does inside and after its plateau, and how sure that is over seeds.

Quantities are columns of one wide table, a row per run:

- `plateau.start`, `plateau.length`, `plateau.censored`, `final.<column>`, `best.<column>`
- `inside.mean.<column>`, `inside.sd.<column>` over the plateau's steps, `after.mean.<column>`,
  `after.sd.<column>` over those after it, for every recorded column
- `inside.distance`, `after.distance`: from the parameters at the part's first step to those at its
  end; `inside.distance_per_step`, `after.distance_per_step`
- `conflict.rate`, `inside.conflict_rate`, `after.conflict_rate`: the share of recorded steps at
  which the gradients of the equation and of the conditions have a negative cosine
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.load import StudyData
from analysis.plateau import Plateau, PlateauRule, conflict_rate, plateau_of, summary_metrics

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0
DECIDABLE = 4  # seeds a model: of 3 against 3 no ranks whatever give a p-value below 0.1

Interval = tuple[float, float]


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
    a standard error of 3.1 % (`analysis.distances` says what that does to intervals). Without
    sketches: the difference of the distances from the initial parameters, a lower bound. None if
    neither is there.
    """
    for column in ("sketch", "update/distance"):
        recorded = trajectory[column].dropna() if column in trajectory else pd.Series()
        if len(recorded):
            steps = recorded.index.to_numpy()
            begin, end = (int(steps[np.abs(steps - step).argmin()]) for step in (first, last))
            apart = np.linalg.norm(np.asarray(recorded[end], dtype=float) - recorded[begin])
            return (float(apart), end - begin) if end > begin else None
    return None


def per_run(data: StudyData, rule: PlateauRule, runs: Iterable[str]) -> pd.DataFrame:
    """The table of quantities: index `run_id`, columns `model`, `seed`, then the quantities."""
    runs = list(runs)
    about = data.runs.loc[runs, ["model", "seed"]]
    quantities = [run_statistics(data.trajectory(run_id), rule) for run_id in runs]
    return about.join(pd.DataFrame(quantities, index=about.index))


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Every quantity of every model over its seeds.

    Index: `model`, `quantity`. Columns: `seeds` (how many have it), `censored` (how many of those
    never left the plateau), `mean`, `sd`, `median`, and `low`, `high`: the 95 % bootstrap interval
    of the mean, null below three seeds.
    """
    rows = []
    for model, runs in table.groupby("model"):
        for quantity in runs.columns.drop(["model", "seed"]):
            values = runs[quantity].dropna()
            low, high = interval(np.mean, values) or (np.nan, np.nan)
            rows.append(
                {
                    "model": model,
                    "quantity": quantity,
                    "seeds": len(values),
                    "censored": int(runs.loc[values.index, "plateau.censored"].sum()),
                    "mean": values.mean(),
                    "sd": values.std(),
                    "median": values.median(),
                    "low": low,
                    "high": high,
                }
            )
    return pd.DataFrame(rows).set_index(["model", "quantity"])


def interval(
    statistic: Callable[..., Any], *samples: Iterable[float], paired: bool = False
) -> Interval | None:
    """The 95 % bootstrap interval of a statistic of one or more samples.

    `statistic` takes the samples and `axis`, like `numpy.mean`. Samples are independent, or, value
    by value, `paired` and drawn together. Bias-corrected and accelerated where that is defined,
    else by percentiles; the same numbers give the same interval. None if a sample has fewer than
    three values, or the statistic no finite value.
    """
    arrays = [np.asarray(list(sample), dtype=float) for sample in samples]
    if min(len(array) for array in arrays) < 3:
        return None
    for method in ("BCa", "percentile"):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # equal values: BCa warns and gives nan
            found = stats.bootstrap(
                arrays,
                statistic,
                confidence_level=LEVEL,
                n_resamples=RESAMPLES,
                method=method,
                paired=paired,
                rng=np.random.default_rng(SEED),
            ).confidence_interval
        if np.isfinite([found.low, found.high]).all():
            return float(found.low), float(found.high)
    return None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One quantity, one model against another.

    `ratio` (unless the quantity has negative values) and `difference` are of the medians, first to
    second, with their 95 % intervals. `p` is the two-sided Mann-Whitney test's, `effect` its
    rank-biserial correlation, from -1 (every first below every second) to 1. `censored` are the
    runs of each model that never left the plateau. What too few seeds leave open is None.
    """

    quantity: str
    seeds: tuple[int, int]
    censored: tuple[int, int]
    medians: tuple[float, float] | None = None
    ratio: float | None = None
    ratio_interval: Interval | None = None
    difference: float | None = None
    difference_interval: Interval | None = None
    p: float | None = None
    effect: float | None = None


def compare(
    table: pd.DataFrame, quantity: str, first: str = "pinn", second: str = "regression"
) -> Comparison:
    """Compare a quantity of the table (from `per_run`) between two models.

    Medians from one seed on, intervals and the rank test from DECIDABLE seeds of each model on.
    """
    one, other = (_values(table, quantity, model) for model in (first, second))
    seeds = len(one), len(other)
    censored = _censored(table, one), _censored(table, other)
    if min(seeds) == 0:
        return Comparison(quantity=quantity, seeds=seeds, censored=censored)
    medians = float(one.median()), float(other.median())
    has_ratio = min(one.min(), other.min()) >= 0 and medians[1] > 0
    decidable = min(seeds) >= DECIDABLE
    test = stats.mannwhitneyu(one, other) if decidable else None
    return Comparison(
        quantity=quantity,
        seeds=seeds,
        censored=censored,
        medians=medians,
        ratio=medians[0] / medians[1] if has_ratio else None,
        ratio_interval=interval(ratio_of_medians, one, other) if has_ratio and decidable else None,
        difference=medians[0] - medians[1],
        difference_interval=interval(_difference, one, other) if decidable else None,
        p=float(test.pvalue) if test else None,
        effect=float(2 * test.statistic / (seeds[0] * seeds[1]) - 1) if test else None,
    )


def _values(table: pd.DataFrame, quantity: str, model: str) -> pd.Series[float]:
    column = table[quantity] if quantity in table else pd.Series(dtype=float)
    return column[table["model"] == model].dropna() if len(column) else column


def _censored(table: pd.DataFrame, values: pd.Series[float]) -> int:
    return int(table.loc[values.index, "plateau.censored"].sum())


def ratio_of_medians(one: Any, other: Any, axis: int = -1) -> Any:  # noqa: ANN401
    """The statistic of `Comparison.ratio`, for `interval`."""
    return np.median(one, axis=axis) / np.median(other, axis=axis)


def _difference(one: Any, other: Any, axis: int = -1) -> Any:  # noqa: ANN401
    return np.median(one, axis=axis) - np.median(other, axis=axis)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values of a family of tests, corrected for their number (Holm 1979), in their order.

    A test without a p-value (None) stays without and does not count.

    >>> holm([0.04, None, 0.01])
    [0.04, None, 0.02]
    """
    known = [place for place, p in enumerate(p_values) if p is not None]
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for done, place in enumerate(sorted(known, key=lambda place: p_values[place] or 0.0)):
        largest = max(largest, (len(known) - done) * (p_values[place] or 0.0))
        corrected[place] = min(1.0, largest)
    return corrected
