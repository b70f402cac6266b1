"""Verdicts: of the paper's claims, of remedies, of expected numbers. All are decided here.

A range is claimed for one number: a ratio above 1, a cosine below 0. The claim holds when a test
finds the number inside the range, does not hold when one finds it outside, and is not decidable
otherwise. The p-values (two-sided, of the limit that is nearest) are corrected by Holm's procedure
for the number of tests of their family, such as a study's claims; the corrected one decides at 5 %.
Intervals that are shown are the plain 95 % ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf, isfinite
from typing import Any, Literal, NamedTuple

import pandas as pd
from scipy import special

from analysis import estimates
from analysis.contrast import Contrast
from analysis.estimates import LEVEL, SEEDS, Estimate, Interval
from analysis.statistics import Comparison, compare_difference, compare_ratio
from analysis.wording import model_name, number

Outcome = Literal["holds", "does not hold", "not decidable"]
Side = Literal["first", "second"]
"""A model of a contrast."""

POWER = 0.8
SMALLEST = 1e-4  # p-value that is written out
MOST = 200  # seeds, beyond which no number of them is named


@dataclass(frozen=True)
class Verdict:
    """What the measurement says of a claim.

    The `number` with its plain 95 % `interval`; `bound` where it is only known to be "at least" or
    "at most" this. `p` is the two-sided p-value of the nearest limit, `corrected` is Holm's, which
    decided the `outcome`; both are None where nothing was tested. `text` is a sentence.
    """

    outcome: Outcome
    number: float | None = None
    interval: Interval | None = None
    text: str = ""
    p: float | None = None
    corrected: float | None = None
    bound: str = ""


class Measured(NamedTuple):
    """An estimate, None if there are no runs for it, and the words that say what it is."""

    estimate: Estimate | None
    text: str = ""


@dataclass(frozen=True)
class Range:
    """The numbers that a claim allows, limits excluded; `words` say it to the reader."""

    words: str
    low: float = -inf
    high: float = inf

    def p_values(self, estimate: Estimate) -> tuple[float, float]:
        """Two-sided p-values for a number inside the range, and for one outside."""
        low = estimate.tails(self.low) if isfinite(self.low) else (0.0, 1.0)
        high = estimate.tails(self.high) if isfinite(self.high) else (1.0, 0.0)
        inside, outside = max(low[0], high[1]), min(low[1], high[0])
        return min(1.0, 2 * inside), min(1.0, 2 * outside)


def decide(claimed: Sequence[tuple[Range, Measured]]) -> list[Verdict]:
    """The verdicts on a family of claims, whose p-values are corrected for their number.

    A claim with fewer than SEEDS seeds is not tested and does not count.
    """
    p_values = [
        None if estimate is None or estimate.seeds < SEEDS else min(within.p_values(estimate))
        for within, (estimate, _) in claimed
    ]
    return [
        _verdict(*claim, p, corrected, sum(p is not None and p <= (q or 0) for q in p_values))
        for claim, p, corrected in zip(claimed, p_values, holm(p_values), strict=True)
    ]


def _verdict(
    within: Range, measured: Measured, p: float | None, corrected: float | None, tests: int
) -> Verdict:
    """One of a family's; `tests` of it have this p-value or a larger one."""
    estimate, text = measured
    if estimate is None:
        return Verdict("not decidable", text=text)
    text = f"{text}; claimed: {within.words}"
    outcome: Outcome = "not decidable"
    if p is None or corrected is None:
        text += f"; at least {SEEDS} seeds of each model are needed"
    else:
        text += f"; p {p_in_words(p)}, corrected {p_in_words(corrected).removeprefix('= ')}"
        inside, outside = within.p_values(estimate)
        if corrected > LEVEL:
            text += f"; {_seeds_in_words(p, tests, estimate.seeds)}"
        else:
            outcome = "holds" if inside < outside else "does not hold"
    known = isfinite(estimate.number) and estimate.bound != "unknown"
    return Verdict(
        outcome,
        estimate.number if known else None,
        estimate.interval,
        text,
        p,
        corrected,
        estimate.bound,
    )


def p_in_words(value: float) -> str:
    """Such as "= 0.03"; tails of distributions are not known well enough for smallest values."""
    return f"= {value:.2g}" if value >= SMALLEST else f"< {SMALLEST:g}"


def _seeds_in_words(p: float, tests: int, seeds: int) -> str:
    """How many seeds would decide, if the number and the spread of the values stay as they are.

    A normal test's deviation grows with the root of the seeds: until it is beyond its corrected
    limit with a power of 80 %.
    """
    seen = float(special.ndtri(1 - p / 2))
    wanted = float(special.ndtri(1 - LEVEL / tests / 2) + special.ndtri(POWER))
    if seen * (MOST / seeds) ** 0.5 < wanted:
        return f"more than {MOST} seeds like these would be needed to decide"
    enough = max(seeds + 1, ceil(seeds * (wanted / seen) ** 2))
    return f"about {enough} seeds would decide"


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


def finite(value: Any) -> Any:  # noqa: ANN401
    """Plain data for JSON: the same with None in the place of numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, in our words.

    `measure` makes a number of the quantity from the table of `statistics.per_run` and the pair of
    models that the study compares; the claim is that this number lies in `range`.
    """

    id: str
    sentence: str
    quantity: str
    measure: Callable[[pd.DataFrame, str, Contrast], Measured]
    range: Range


def ratio(table: pd.DataFrame, quantity: str, contrast: Contrast) -> Measured:
    """The ratio of both models: of geometric means, or of medians where lengths are bounds."""
    return _compared("ratio", compare_ratio(table, quantity, *contrast.models), contrast)


def difference(table: pd.DataFrame, quantity: str, contrast: Contrast) -> Measured:
    """The difference of the means, first minus second model."""
    return _compared("difference", compare_difference(table, quantity, *contrast.models), contrast)


def _compared(what: str, found: Comparison, contrast: Contrast) -> Measured:
    def of_both(values: tuple[object, object]) -> str:
        return ", ".join(
            f"{model_name(model)} {value}"
            for model, value in zip(contrast.models, values, strict=True)
        )

    runs = f"runs: {of_both(found.seeds)}"
    if found.estimate is None:
        return Measured(None, f"no {what}; {runs}")
    text = f"{what} {in_words(found.estimate)}; {found.kind}: {of_both(found.centers)}; {runs}"
    if any(found.censored):
        text += f"; plateau never left: {of_both(found.censored)}"
    return Measured(found.estimate, text)


def level(which: Side) -> Callable[[pd.DataFrame, str, Contrast], Measured]:
    """The median of a quantity over the seeds of one model of the pair."""

    def measure(table: pd.DataFrame, quantity: str, contrast: Contrast) -> Measured:
        model = getattr(contrast, which)
        values = table[table["model"] == model].reindex(columns=[quantity])[quantity].dropna()
        if values.empty:
            return Measured(None, f"no {model_name(model)} run has a value")
        found = estimates.median(values)
        text = f"{model_name(model)} {in_words(found)}; median over seeds, runs: {len(values)}"
        return Measured(found, text)

    return measure


def change(which: Side) -> Callable[[pd.DataFrame, str, Contrast], Measured]:
    """The quantity after minus inside the plateau: the mean over seeds of one model of the pair."""

    def measure(table: pd.DataFrame, quantity: str, contrast: Contrast) -> Measured:
        model = getattr(contrast, which)
        inside, after = f"inside.{quantity}", f"after.{quantity}"
        runs = table[table["model"] == model].reindex(columns=[inside, after]).dropna()
        if runs.empty:
            return Measured(None, f"no {model_name(model)} run has a value")
        found = estimates.mean_of_differences(runs[after], runs[inside])
        what = (
            f"{model_name(model)} {runs[inside].mean():.3g} inside, {runs[after].mean():.3g} after"
        )
        text = f"{what}: change {in_words(found)}; mean over seeds, runs: {len(runs)}"
        return Measured(found, text)

    return measure


def in_words(estimate: Estimate) -> str:
    """The number, its bound, and its interval if there is one."""
    if estimate.bound == "unknown":
        return "unknown"
    return f"{estimate.bound} {number(estimate.number)}".strip() + span_in_words(estimate.interval)


def ratio_in_words(verdict: Verdict) -> str:
    """A cell: the number with its interval; ≥ or ≤ where it is a bound."""
    bound = {"at least": "≥ ", "at most": "≤ "}.get(verdict.bound, "")
    return bound + number(verdict.number) + span_in_words(verdict.interval)


def span_in_words(interval: Interval | None) -> str:
    """An interval to be set after its number; empty if there is none."""
    if interval is None:
        return ""
    low, high = (number(end) if isfinite(end) else "∞" for end in interval)
    return f" [{low}, {high}]"
