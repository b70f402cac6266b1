"""Remedies ranked: does each model get below the baseline's plateau earlier, and at what cost?

What is compared is the way to one level for all: the one that the study names, or the smoothed
curve's where the baseline has left its plateau, the median over its runs. (The length of a model's
own plateau, the first flat stretch of its curve, would praise a remedy that rests early and
briefly, and then again.) Runs of equal seed share initial weights and points, so every model is
paired with the baseline over seeds.

A run that never came down to the level, or that diverged, counts as having spent all that the
baseline's longest run did, or what it did itself if that is more: a lower bound. Of a pair in which
neither came down nothing is known, and it counts as a ratio of 1. Medians are Kaplan and Meier's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, inf, isfinite, log2
from typing import Any

import numpy as np
import pandas as pd

from analysis import estimates
from analysis.censored import Lengths, Median
from analysis.contrast import KIND, REGRESSION
from analysis.estimates import LEVEL, Estimate, Interval
from analysis.load import StudyData
from analysis.plateau import first_below, level_left, plateau_of
from analysis.rules import PlateauRule
from analysis.spent import SECONDS, SPENT, spent
from analysis.verdicts import Measured, Range, Verdict, decide, finite

FEWER = Range("below 1", high=1)
UNKNOWN = Verdict("not decidable")
ERROR = "error/relative_l2"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A quantity of a model against the baseline's, over the seeds that both have.

    `ratio` is the verdict on the ratio over pairs being below 1, corrected for the number of
    remedies; of a reference, which is not tested, it has a number and an interval alone.
    `difference` is that over pairs, with its interval. What is not known is None.
    """

    medians: tuple[Median, Median] | None = None
    ratio: Verdict = UNKNOWN
    difference: float | None = None
    difference_interval: Interval | None = None

    @property
    def significant(self) -> bool:
        """Whether the corrected test finds a difference, to either side."""
        return self.ratio.outcome != "not decidable"


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """A model against the baseline.

    `stayed` are the runs of each, of `seeds` pairs, that never came below the level or diverged,
    `diverged` those whose numbers ceased to be finite. Where no run of either came below, nothing
    spent is compared. `steps`, `evaluations` (a loss with its gradient; a Hessian-vector product as
    two) and `seconds` are those spent until then. `plateaus` are the median lengths of each model's
    own plateau in steps, `cost` is the ratio of the median times of a step. A `reference` is
    trained on the solution itself: it is shown, but no remedy.
    """

    model: str
    reference: bool
    seeds: int
    stayed: tuple[int, int]
    diverged: tuple[int, int]
    steps: Effect
    evaluations: Effect
    seconds: Effect
    error: Effect
    plateaus: tuple[Median, Median]
    cost: float | None


@dataclass(frozen=True, kw_only=True)
class Remedies:
    """Every other model of a study against its baseline, the fewest steps first.

    `level` is what the smoothed curve must come down to, `named` whether the study names it; None
    if it does not and no run of the baseline left its plateau, and nothing is compared.
    """

    baseline: str
    level: float | None
    named: bool
    ranked: tuple[Remedy, ...]

    @property
    def tested(self) -> int:
        """How many remedies the p-values are corrected for."""
        return sum(one.steps.ratio.p is not None for one in self.ranked if not one.reference)

    @property
    def seeds(self) -> int:
        """The most seeds that a remedy shares with the baseline."""
        return max((one.seeds for one in self.ranked if not one.reference), default=0)

    @property
    def seeds_needed(self) -> int:
        """The fewest seeds with which one of so many remedies can become significant."""
        remedies = sum(not one.reference for one in self.ranked)
        return ceil(log2(2 * max(1, remedies) / LEVEL))


def compare_remedies(
    data: StudyData,
    rule: PlateauRule,
    runs: Sequence[str],
    baseline: str | None,
    level: float | None = None,
) -> Remedies | None:
    """Every other model of these runs against the baseline's; None without either.

    `level` is what the smoothed curve must come down to; without it, where the baseline leaves its
    plateau.
    """
    models = data.runs["model"].loc[list(runs)]
    if baseline is None or baseline not in set(models) or models.nunique() < 2:
        return None
    named = level is not None
    if level is None:
        level = _level(data, rule, list(models.index[models == baseline]))
    table = _table(data, rule, runs, -inf if level is None else level)
    base = table[table["model"] == baseline].set_index("seed")
    pairs = {
        str(model): Pairs(of_model.set_index("seed"), base)
        for model, of_model in table[table["model"] != baseline].groupby("model", sort=False)
    }
    tested = [model for model, both in pairs.items() if not both.reference]
    effects = {quantity: _effects(pairs, tested, quantity) for quantity in (*SPENT, "error")}
    ranked = [
        both.remedy(model, {quantity: of[model] for quantity, of in effects.items()})
        for model, both in pairs.items()
    ]
    ranks = tuple(sorted(ranked, key=_place))
    return Remedies(baseline=baseline, level=level, named=named, ranked=ranks)


def remedies_json(found: Remedies) -> dict[str, Any]:
    """The comparison as plain data, for claims.json."""
    plain = {**asdict(found), "tested": found.tested, "seeds_needed": found.seeds_needed}
    return dict(finite(plain))


def _level(data: StudyData, rule: PlateauRule, runs: Sequence[str]) -> float | None:
    """The median over these runs of the level at which they have left their plateaus."""
    found = [level_left(data.trajectory(run_id), rule) for run_id in runs]
    left = [level for level in found if level is not None]
    return float(np.median(left)) if left else None


def _table(data: StudyData, rule: PlateauRule, runs: Sequence[str], level: float) -> pd.DataFrame:
    """A row per run: model, seed, what it took to the level, its error, what a step takes."""
    about = data.runs.loc[list(runs)]
    kind = about.get(KIND, pd.Series(None, about.index, dtype=object))
    rows = []
    for run_id in about.index:
        trajectory = data.trajectory(str(run_id))
        diverged = bool(about["diverged_at"].notna()[run_id])
        reached = None if diverged else first_below(trajectory, rule, level)
        whole = spent(trajectory, int(trajectory.index[-1]))
        plateau = plateau_of(trajectory, rule)
        rows.append(
            {
                **(whole if reached is None else spent(trajectory, reached)),
                **{f"whole.{quantity}": value for quantity, value in whole.items()},
                "stayed": reached is None,
                "plateau": float(plateau.length),
                "plateau_censored": plateau.censored or (diverged and plateau.length == 0),
                "error": _final_error(trajectory, diverged),
                "diverged": diverged,
                "step_seconds": _step_seconds(trajectory),
            }
        )
    table = pd.DataFrame(rows, index=about.index)
    return table.assign(model=about["model"], seed=about["seed"], reference=kind == REGRESSION)


def _final_error(trajectory: pd.DataFrame, diverged: bool) -> float:
    """The last error; infinite for a run that diverged, NaN if it was not recorded."""
    if diverged:
        return inf
    return float(trajectory[ERROR].iloc[-1]) if ERROR in trajectory else np.nan


def _step_seconds(trajectory: pd.DataFrame) -> float:
    """The median time of a step without the first, which includes the set-up."""
    if SECONDS not in trajectory:
        return np.nan
    return float(trajectory[SECONDS].iloc[1:].astype(float).median())


class Pairs:
    """The runs of a model and of the baseline, by the seeds that both have."""

    def __init__(self, runs: pd.DataFrame, base: pd.DataFrame) -> None:
        self.all = runs, base
        shared = runs.index.intersection(base.index)
        budget = base[[f"whole.{quantity}" for quantity in SPENT]].max()
        self.one, self.other = (_bounded(each.loc[shared], budget) for each in (runs, base))
        self.reference = bool(runs["reference"].any())

    def estimate(self, quantity: str) -> tuple[Estimate | None, Effect]:
        """The ratio over pairs, and what else there is to say of the quantity."""
        spent = quantity in SPENT
        known = self.one[quantity].notna() & self.other[quantity].notna()
        one, other = self.one[known], self.other[known]
        if not known.any():
            return None, Effect()
        stayed = one["stayed"] & spent, other["stayed"] & spent
        effect = Effect(
            medians=(
                Lengths.of(one[quantity], stayed[0]).median(),
                Lengths.of(other[quantity], stayed[1]).median(),
            )
        )
        if stayed[0].all() and stayed[1].all():
            return None, effect
        open_pairs = stayed[0] & stayed[1]
        values = one[quantity].where(~open_pairs, 1.0), other[quantity].where(~open_pairs, 1.0)
        ratio = estimates.paired_ratio(*values)
        if np.isfinite(values).all():
            difference = estimates.pseudomedian(values[0] - values[1])
            effect = replace(
                effect, difference=difference.number, difference_interval=difference.interval
            )
        sides = {(True, False): "at least", (False, True): "at most"}
        bound = sides.get((bool(stayed[0].any()), bool(stayed[1].any())), "")
        return replace(ratio, bound=bound), effect

    def remedy(self, model: str, effects: dict[str, Effect]) -> Remedy:
        """The comparison of the model, given that of every quantity."""
        times = [each["step_seconds"].median() for each in self.all]
        cost = float(times[0] / times[1])
        plateaus = [
            Lengths.of(each["plateau"], each["plateau_censored"]).median() for each in self.all
        ]
        return Remedy(
            model=model,
            reference=self.reference,
            seeds=len(self.one),
            stayed=(int(self.one["stayed"].sum()), int(self.other["stayed"].sum())),
            diverged=(int(self.one["diverged"].sum()), int(self.other["diverged"].sum())),
            **effects,
            plateaus=(plateaus[0], plateaus[1]),
            cost=cost if isfinite(cost) else None,
        )


def _bounded(runs: pd.DataFrame, budget: pd.Series[float]) -> pd.DataFrame:
    """The runs, of which those that never came below have spent no less than the budget."""
    bounded = {
        quantity: runs[quantity].where(
            ~runs["stayed"],
            np.fmax(runs[f"whole.{quantity}"], budget[f"whole.{quantity}"]),
        )
        for quantity in SPENT
    }
    return runs.assign(**bounded)


def _effects(pairs: dict[str, Pairs], tested: Sequence[str], quantity: str) -> dict[str, Effect]:
    """Of every model; the verdicts of those tested are corrected for their number."""
    found = {model: both.estimate(quantity) for model, both in pairs.items()}
    measured = [Measured(found[model][0], f"{quantity}, ratio to the baseline") for model in tested]
    decided = decide([(FEWER, ratio) for ratio in measured])
    verdicts = dict(zip(tested, decided, strict=True))
    return {
        model: replace(effect, ratio=verdicts.get(model, _untested(estimate)))
        for model, (estimate, effect) in found.items()
    }


def _untested(estimate: Estimate | None) -> Verdict:
    if estimate is None:
        return UNKNOWN
    return Verdict("not decidable", estimate.number, estimate.interval, bound=estimate.bound)


def _place(one: Remedy) -> tuple[float, float, str]:
    """Fewest steps first, of equal ones the smallest error."""
    steps, error = one.steps.ratio.number, one.error.ratio.number
    return inf if steps is None else steps, inf if error is None else error, one.model
