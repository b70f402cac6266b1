"""Published numbers and thresholds, as a study file lists them, against what the study measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import inf, isfinite, nan
from typing import Any

import numpy as np
import pandas as pd

from analysis.estimates import Interval, median
from analysis.load import StudyData, stopped_early
from analysis.plateau import SUMMARISED, plateau_of
from analysis.rules import Expectation, Of, PlateauRule, Where
from analysis.verdicts import Outcome, Verdict, finite
from analysis.wording import count

OUTCOMES: dict[Outcome, str] = {
    "holds": "reproduced",
    "does not hold": "not reproduced",
    "not decidable": "not run at this size",
}
"""How the verdicts on expected numbers are called."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A number over the runs that match: `settings` tells how many configurations those are.

    A loss or error of a run that diverged counts as infinite in the median, and is left out of
    `mean` and `sd`. `interval` is the median's 95 % one, from five seeds on. None where there is no
    such number.
    """

    runs: int
    settings: int
    diverged: int
    median: float | None
    interval: Interval | None
    mean: float | None
    sd: float | None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An expectation, what was measured, and the verdict.

    The median alone decides, without a test: its interval (five seeds or more) is there to be seen.
    `ratio` is that of the measured median to the published value; for `times_below`, of the other
    runs' median (`other`) to it.
    """

    expectation: Expectation
    verdict: Verdict
    ours: Measured
    other: Measured | None
    ratio: float | None

    @property
    def outcome(self) -> str:
        """The verdict's, in words of OUTCOMES."""
        return OUTCOMES[self.verdict.outcome]


def judge_expected(
    data: StudyData, rule: PlateauRule, expected: Iterable[Expectation]
) -> list[Judged]:
    """The verdict on every expectation, in their order."""
    return [_judge(data, rule, each) for each in expected]


def expected_json(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """The verdicts as plain data, for claims.json: null for what is infinite or not there."""
    return [
        {
            "expected": each.expectation.words(),
            "outcome": each.outcome,
            **finite(asdict(each)),
        }
        for each in judged
    ]


def _judge(data: StudyData, rule: PlateauRule, each: Expectation) -> Judged:
    below = each.times_below
    ours = _measure(data, rule, each, each.model, each.where)
    other = _measure(data, rule, each, below.model, below.where) if below else None
    ratio = None
    if other is not None:
        ratio = _quotient(other.median, ours.median)
    elif each.value is not None:
        ratio = _quotient(ours.median, each.value)
    text = _words_of(ours)
    if other is not None and below is not None:
        text = f"{each.model}: {text}; {below.model}: {_words_of(other)}"
    if ours.runs == 0 or (other is not None and other.runs == 0):
        outcome: Outcome = "not decidable"
    else:
        outcome = "holds" if _met(each, ours.median, ratio) else "does not hold"
    verdict = Verdict(outcome, ours.median, ours.interval, text)
    return Judged(expectation=each, verdict=verdict, ours=ours, other=other, ratio=ratio)


def _met(each: Expectation, median: float | None, ratio: float | None) -> bool:
    """Whether a median, null for not finite, is what was expected."""
    if each.times_below is not None:
        return ratio is not None and ratio >= each.times_below.factor
    if each.value is not None:
        return ratio is not None and 1 / each.within <= ratio <= each.within
    if median is None:
        return False
    low = -inf if each.above is None else each.above
    return low < median and (each.below is None or median < each.below)


def _quotient(one: float | None, other: float | None) -> float | None:
    if one is None or not other or one == other == inf:
        return None
    return one / other


def _measure(
    data: StudyData, rule: PlateauRule, each: Expectation, model: str, where: Where
) -> Measured:
    runs = _matching(data, model, where)
    values = np.array([_value(data, rule, each, run_id) for run_id in runs.index], dtype=float)
    finite = values[np.isfinite(values)]
    counted = values[~np.isnan(values)]
    middle = median(counted) if len(counted) else None
    return Measured(
        runs=len(runs),
        settings=runs["setting"].nunique(),
        diverged=int(runs["diverged_at"].count()),
        median=middle.number if middle else None,
        interval=middle.interval if middle else None,
        mean=_or_none(float(finite.mean()) if len(finite) else nan),
        sd=_or_none(float(finite.std(ddof=1)) if len(finite) > 1 else nan),
    )


def _matching(data: StudyData, model: str, where: Where) -> pd.DataFrame:
    """The reruns of a model with these values; its whole search runs if no rerun has them."""
    runs = data.runs[(data.runs["model"] == model) & ~stopped_early(data.runs)]
    for key, value in where.items():
        has = runs[key] if key in runs else pd.Series(None, runs.index, dtype=object)
        runs = runs[has.isna() if value is None else has == value]
    reruns = runs[runs["stage"] == "rerun"]
    return runs if reruns.empty else reruns


def _value(data: StudyData, rule: PlateauRule, each: Expectation, run_id: str) -> float:
    """The number of one run; infinite for a diverged run's last loss or error, else NaN."""
    trajectory = data.trajectory(run_id)
    diverged = bool(data.runs["diverged_at"].notna()[run_id])
    if each.of == "final" and diverged:
        return inf if each.metric.startswith(SUMMARISED) else nan
    if each.metric not in trajectory:
        return nan
    column = trajectory[each.metric].astype(float).replace([inf, -inf], nan)
    if each.of in ("inside", "after"):
        column = _part(column, trajectory, rule, each.of)
    known = column.dropna()
    if known.empty:
        return nan
    if each.of == "final":
        return float(known.iloc[-1])
    return float(known.min() if each.of == "best" else known.mean())


def _part(
    column: pd.Series[float], trajectory: pd.DataFrame, rule: PlateauRule, of: Of
) -> pd.Series[float]:
    plateau = plateau_of(trajectory, rule)
    if plateau.start is None or (of == "after" and plateau.end is None):
        return column.iloc[:0]
    if of == "after":
        return column.loc[plateau.end :]
    return column.loc[plateau.start : plateau.start + plateau.length - 1]


def _or_none(value: float) -> float | None:
    return value if isfinite(value) else None


def _words_of(found: Measured) -> str:
    """How many runs a number is of, and what is to be known of them."""
    if not found.runs:
        return "none"
    words = count(found.runs, "run")
    if found.settings > 1:
        words += f" of {found.settings} configurations"
    if found.diverged:
        words += f", {found.diverged} diverged"
    elif found.median is None:
        words += ", without such a value"
    return words
