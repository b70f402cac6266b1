"""Remedies ranked: does each model get below the baseline's plateau earlier, and at what cost?

What is compared is the way to one level for all: the smoothed curve's where the baseline has left
its plateau, the median over its runs. (The length of a model's own plateau, the first flat stretch
of its curve, would praise a remedy that rests early and briefly, and then again.) Runs of equal
seed share initial weights and points, so every model is paired with the baseline over seeds. A run
of the baseline that had not come below the level after N updates counts as N steps; one of a
remedy, which may have had fewer, counts as no shorter than the baseline's longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, inf, isfinite, log2
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from analysis.load import StudyData
from analysis.plateau import PlateauRule, first_below, level_left, plateau_of
from analysis.statistics import DECIDABLE, Interval, holm, interval, ratio_of_medians
from analysis.verdicts import REGRESSION

LEVEL = 0.05
ERROR = "error/relative_l2"
SECONDS = "time/step_seconds"
SPENT = ("steps", "evaluations", "seconds")
EVALUATIONS, PRODUCTS = "work/evaluations", "work/products"
OF_A_PRODUCT = 2
"""Evaluations that a Hessian-vector product counts as: it differentiates a gradient once more."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A quantity of a model against the baseline's, over the seeds that both have.

    `ratio` and its bootstrap `interval` are of the medians; `difference` is the median of the
    differences seed by seed, with its interval. `p` is the two-sided Wilcoxon signed-rank test's,
    `corrected` is Holm's over the remedies. What too few seeds leave open is None.
    """

    medians: tuple[float | None, float | None]
    ratio: float | None = None
    interval: Interval | None = None
    difference: float | None = None
    difference_interval: Interval | None = None
    p: float | None = None
    corrected: float | None = None

    @property
    def significant(self) -> bool:
        """Whether the corrected test finds a difference at the 5 % level."""
        return self.corrected is not None and self.corrected < LEVEL


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """A model against the baseline.

    `stayed` are the runs of each, of `seeds` pairs, that never came below the level, `diverged`
    those whose numbers ceased to be finite. Where no run of either came below, nothing spent is
    compared. `steps`, `evaluations` (a loss with its gradient; a Hessian-vector product as two) and
    `seconds` are those spent until then. `plateaus` are the median lengths of each model's own
    plateau in steps, `cost` is the ratio of the median times of a step. A `reference` is trained on
    the solution itself: it is shown, but no remedy.
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
    plateaus: tuple[float, float]
    cost: float | None


@dataclass(frozen=True, kw_only=True)
class Remedies:
    """Every other model of a study against its baseline, the fewest steps first.

    `level` is what the smoothed curve must come down to; None if no run of the baseline left its
    plateau, and nothing is compared.
    """

    baseline: str
    level: float | None
    ranked: tuple[Remedy, ...]

    @property
    def tested(self) -> int:
        """How many remedies the p-values are corrected for."""
        return sum(one.steps.p is not None for one in self.ranked if not one.reference)

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
    data: StudyData, rule: PlateauRule, runs: Sequence[str], baseline: str
) -> Remedies | None:
    """Every other model of these runs against the baseline's; None without either."""
    models = data.runs["model"].loc[list(runs)]
    if baseline not in set(models) or models.nunique() < 2:
        return None
    level = _level(data, rule, list(models.index[models == baseline]))
    table = _table(data, rule, runs, -inf if level is None else level)
    base = table[table["model"] == baseline].set_index("seed")
    others = table[table["model"] != baseline].groupby("model", sort=False)
    found = [_against(str(model), of.set_index("seed"), base) for model, of in others]
    remedies = [one for one in found if not one.reference]
    references = [one for one in found if one.reference]
    effects = [_corrected([getattr(one, name) for one in remedies]) for name in (*SPENT, "error")]
    tested = [
        replace(one, steps=steps, evaluations=evaluations, seconds=seconds, error=error)
        for one, steps, evaluations, seconds, error in zip(remedies, *effects, strict=True)
    ]
    ranked = sorted([*tested, *references], key=_place)
    return Remedies(baseline=baseline, level=level, ranked=tuple(ranked))


def remedies_json(found: Remedies) -> dict[str, Any]:
    """The comparison as plain data, for claims.json."""
    return {**asdict(found), "tested": found.tested, "seeds_needed": found.seeds_needed}


def _level(data: StudyData, rule: PlateauRule, runs: Sequence[str]) -> float | None:
    """The median over these runs of the level at which they have left their plateaus."""
    found = [level_left(data.trajectory(run_id), rule) for run_id in runs]
    left = [level for level in found if level is not None]
    return float(np.median(left)) if left else None


def _table(data: StudyData, rule: PlateauRule, runs: Sequence[str], level: float) -> pd.DataFrame:
    """A row per run: model, seed, what it took to the level, its error, what a step takes."""
    about = data.runs.loc[list(runs)]
    kind = about.get("objective.kind", pd.Series(None, about.index, dtype=object))
    rows = []
    for run_id in about.index:
        trajectory = data.trajectory(str(run_id))
        diverged = bool(about["diverged_at"].notna()[run_id])
        reached = first_below(trajectory, rule, level)
        steps = int(trajectory.index[-1]) if reached is None else reached
        rows.append(
            {
                "steps": float(steps),
                "evaluations": _evaluations(trajectory, steps),
                "seconds": _seconds(trajectory, steps),
                "stayed": reached is None,
                "plateau": float(plateau_of(trajectory, rule).length),
                "error": _final_error(trajectory, diverged),
                "diverged": diverged,
                "step_seconds": _step_seconds(trajectory),
            }
        )
    table = pd.DataFrame(rows, index=about.index)
    named = about["model"] == REGRESSION
    return table.assign(
        model=about["model"], seed=about["seed"], reference=(kind == REGRESSION) | named
    )


def _final_error(trajectory: pd.DataFrame, diverged: bool) -> float:
    """The last error; infinite for a run that diverged, NaN if it was not recorded."""
    if diverged:
        return inf
    return float(trajectory[ERROR].iloc[-1]) if ERROR in trajectory else np.nan


def _evaluations(trajectory: pd.DataFrame, steps: int) -> float:
    """Evaluations of the first steps; NaN if not recorded."""
    if EVALUATIONS not in trajectory:
        return np.nan
    work = trajectory[EVALUATIONS].astype(float)
    if PRODUCTS in trajectory:
        work = work + OF_A_PRODUCT * trajectory[PRODUCTS].astype(float)
    return float(work.loc[steps] - work.iloc[0])


def _seconds(trajectory: pd.DataFrame, steps: int) -> float:
    """Seconds of the first steps but the very first, which also pays for what is set up."""
    if SECONDS not in trajectory:
        return np.nan
    return float(trajectory[SECONDS].astype(float).loc[1 : steps - 1].sum())


def _step_seconds(trajectory: pd.DataFrame) -> float:
    """The median time of a step but the first, which also pays for what is set up."""
    if SECONDS not in trajectory:
        return np.nan
    return float(trajectory[SECONDS].iloc[1:].astype(float).median())


def _against(model: str, runs: pd.DataFrame, base: pd.DataFrame) -> Remedy:
    shared = runs.index.intersection(base.index)
    one, other = _bounded(runs.loc[shared], base.loc[shared]), base.loc[shared]
    times = runs["step_seconds"].median(), base["step_seconds"].median()
    cost = float(times[0] / times[1])
    spent = {name: _effect(one[name], other[name]) for name in SPENT}
    if one["stayed"].all() and other["stayed"].all():  # all are lower bounds: nothing to compare
        spent = {name: Effect(medians=effect.medians) for name, effect in spent.items()}
    return Remedy(
        model=model,
        reference=bool(runs["reference"].any()),
        seeds=len(shared),
        stayed=(int(one["stayed"].sum()), int(other["stayed"].sum())),
        diverged=(int(one["diverged"].sum()), int(other["diverged"].sum())),
        **spent,
        error=_effect(one["error"], other["error"]),
        plateaus=(float(runs["plateau"].median()), float(base["plateau"].median())),
        cost=cost if isfinite(cost) else None,
    )


def _bounded(runs: pd.DataFrame, base: pd.DataFrame) -> pd.DataFrame:
    """The runs, of which those that never came below are no shorter than the baseline's longest."""
    bounded = {
        name: runs[name].where(~runs["stayed"], runs[name].clip(lower=base[name].max()))
        for name in SPENT
    }
    return runs.assign(**bounded)


def _effect(one: pd.Series[float], other: pd.Series[float]) -> Effect:
    known = (one.notna() & other.notna()).to_numpy()
    pair: tuple[Values, Values] = (
        np.asarray(one, dtype=np.float64)[known],
        np.asarray(other, dtype=np.float64)[known],
    )
    if not known.any():
        return Effect(medians=(None, None))
    medians = float(np.median(pair[0])), float(np.median(pair[1]))
    ratio = medians[0] / medians[1] if medians[1] > 0 else inf
    differences = _differences(*pair)
    decidable = len(differences) >= DECIDABLE
    return Effect(
        medians=(_finite(medians[0]), _finite(medians[1])),
        ratio=_finite(ratio),
        interval=interval(ratio_of_medians, *pair, paired=True) if decidable else None,
        difference=_finite(float(np.median(differences))),
        difference_interval=interval(np.median, differences) if decidable else None,
        p=_signed_rank(differences) if decidable else None,
    )


def _differences(one: Values, other: Values) -> Values:
    """Seed by seed; none where both are infinite."""
    both = np.isinf(one) & np.isinf(other)
    return np.where(both, 0.0, one) - np.where(both, 0.0, other)


def _signed_rank(differences: Values) -> float:
    """The p-value of Wilcoxon's signed-rank test; 1 where nothing differs."""
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _corrected(effects: Sequence[Effect]) -> list[Effect]:
    corrected = holm([effect.p for effect in effects])
    return [replace(effect, corrected=p) for effect, p in zip(effects, corrected, strict=True)]


def _place(one: Remedy) -> tuple[float, float, str]:
    """Fewest steps first, of equal ones the smallest error."""
    steps, error = one.steps.ratio, one.error.ratio
    return inf if steps is None else steps, inf if error is None else error, one.model
