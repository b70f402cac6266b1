"""How a claim is tested: the range it allows for a number, and the number with its interval.

A claim gives a range for one number: a ratio above 1, a cosine below 0. It holds when the number's
95 % bootstrap interval lies inside the range, does not hold when it lies outside, and is not
decidable when it crosses a limit or there are too few seeds for an interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from analysis.statistics import DECIDABLE, Interval, compare, interval

Outcome = Literal["holds", "does not hold", "not decidable"]

PINN, REGRESSION = "pinn", "regression"
NAMES = {PINN: "PINN", REGRESSION: "regression"}


@dataclass(frozen=True)
class Verdict:
    """What the measurement says of a claim: the number, its 95 % interval, and a sentence."""

    outcome: Outcome
    number: float | None
    interval: Interval | None
    text: str


class Estimate(NamedTuple):
    """A number, its 95 % interval, and the words that say what it is."""

    number: float | None
    interval: Interval | None
    text: str


@dataclass(frozen=True)
class Range:
    """The numbers that a claim allows, limits excluded; `words` say it to the reader."""

    words: str
    low: float = -inf
    high: float = inf

    def verdict(self, estimate: Estimate) -> Verdict:
        """Whether an estimate lies inside, outside or across a limit."""
        number, span, text = estimate
        if number is None:
            return Verdict("not decidable", None, None, text)
        text = f"{text}; claimed: {self.words}"
        if span is None:
            text += f"; {DECIDABLE} seeds of each model are needed to decide"
            return Verdict("not decidable", number, None, text)
        if self.low < span[0] and span[1] < self.high:
            return Verdict("holds", number, span, text)
        if span[1] <= self.low or span[0] >= self.high:
            return Verdict("does not hold", number, span, text)
        side = "as claimed" if self.low < number < self.high else "not as claimed"
        text += f"; the number is {side}, its interval crosses the limit"
        return Verdict("not decidable", number, span, text)


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, in our words.

    `estimate` makes a number of the quantity from the table of `statistics.per_run`; the claim is
    that this number lies in `range`.
    """

    id: str
    sentence: str
    quantity: str
    estimate: Callable[[pd.DataFrame, str], Estimate]
    range: Range

    def test(self, table: pd.DataFrame) -> Verdict:
        """The verdict of runs of the models `pinn` and `regression`, one row each."""
        return self.range.verdict(self.estimate(table, self.quantity))


def ratio(table: pd.DataFrame, quantity: str) -> Estimate:
    """The ratio of the medians, PINN to regression."""
    return _contrast(table, quantity, "ratio")


def difference(table: pd.DataFrame, quantity: str) -> Estimate:
    """The difference of the medians, PINN minus regression."""
    return _contrast(table, quantity, "difference")


def _contrast(table: pd.DataFrame, quantity: str, kind: Literal["ratio", "difference"]) -> Estimate:
    found = compare(table, quantity, PINN, REGRESSION)
    number: float | None = getattr(found, kind)
    span: Interval | None = getattr(found, f"{kind}_interval")
    runs = f"runs: PINN {found.seeds[0]}, regression {found.seeds[1]}"
    if found.medians is None or number is None:
        return Estimate(None, None, f"no {kind}; {runs}")
    one, other = found.medians
    text = (
        f"{kind} {_number(number, span)}; medians: PINN {one:.3g}, regression {other:.3g}; {runs}"
    )
    if found.p is not None:
        text += f"; rank test p = {found.p:.2g}, effect {found.effect:+.2f}"
    if any(found.censored):
        text += f"; plateau never left: PINN {found.censored[0]}, regression {found.censored[1]}"
    return Estimate(number, span, text)


def level(model: str) -> Callable[[pd.DataFrame, str], Estimate]:
    """The mean of the quantity over one model's seeds."""

    def estimate(table: pd.DataFrame, quantity: str) -> Estimate:
        runs = table[table["model"] == model].reindex(columns=[quantity])
        return _mean(runs[quantity], NAMES[model])

    return estimate


def change(model: str) -> Callable[[pd.DataFrame, str], Estimate]:
    """The mean over one model's seeds of what the quantity is after minus inside the plateau."""

    def estimate(table: pd.DataFrame, quantity: str) -> Estimate:
        inside, after = f"inside.{quantity}", f"after.{quantity}"
        runs = table[table["model"] == model].reindex(columns=[inside, after]).dropna()
        what = f"{NAMES[model]} {runs[inside].mean():.3g} inside, {runs[after].mean():.3g} after"
        return _mean(runs[after] - runs[inside], f"{what}: change")

    return estimate


def _mean(values: pd.Series[float], what: str) -> Estimate:
    values = values.dropna()
    if values.empty:
        return Estimate(None, None, f"no {what.split()[0]} run has a value")
    span = interval(np.mean, values) if len(values) >= DECIDABLE else None
    number = float(values.mean())
    return Estimate(
        number, span, f"{what} {_number(number, span)}; mean over seeds, runs: {len(values)}"
    )


def _number(number: float, span: Interval | None) -> str:
    return f"{number:.3g}" + (f" [{span[0]:.3g}, {span[1]:.3g}]" if span else "")
