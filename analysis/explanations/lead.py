"""Whether a column changes before a run's drop, with it or after it, over the seeds of a model.

A *lead* is the steps from a column's change to the drop, both found in the same way: positive where
the column changes first. Three questions are asked of every column, each with a test:

- Is its change tied to the drop? Drops are permuted between runs, each column staying where it is:
  a column that changes at a fixed step, or at none, has leads that scatter as little then. A drop
  that all runs have at the same step leaves nothing to be told.
- Is the lead, or the lag, longer than the steps between two rows? Signed ranks over the runs
  (`analysis.estimates.pseudomedian`) against that cadence: less cannot be told.
- Is it beyond the loss? A column that is a function of the loss changes while the loss falls,
  earlier or later than the drop as its shape will have it. So a lead must begin before the loss has
  made a tenth of its fall, and a lag after it has made nine: signed ranks, too. (To take a function
  of the loss away from the column and look at what it leaves does not do: of made-up columns that
  are functions of the loss, what a polynomial of it left led in many a study.)

A column leads if all three hold: its p-value is the largest of theirs. The p-values are corrected
by Holm's procedure for the number of the model's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis import estimates
from analysis.estimates import LEVEL, Estimate
from analysis.explanations.alignment import Aligned
from analysis.explanations.change import Values, changes
from analysis.verdicts import holm

TENTH = 0.1
FEWEST = 10
"""Runs with a change, below which nothing is said of a column."""
PERMUTATIONS = 4_999
Outcome = Literal["leads", "lags", "not beyond the loss", "with the drop", "not tied", "too few"]


@dataclass(frozen=True, kw_only=True)
class Lead:
    """What one column of one model tells.

    `leads` are by run in steps, NaN where the column has no change; `estimate` is over them, and
    `beyond` over the steps from the column's change to the first tenth of the loss's fall, or of a
    lag to the last (negative if it comes after that). `resolution` is the cadence in steps.
    The p-values are those of the tie to the drop (`tied`), of a tie with a lead or lag (`moved`),
    and of all three questions (`apart`), corrected; None where nothing was tested.
    """

    model: str
    column: str
    resolution: int
    leads: Values
    estimate: Estimate | None = None
    beyond: Estimate | None = None
    tied: float | None = None
    moved: float | None = None
    apart: float | None = None

    @property
    def runs(self) -> int:
        """How many runs have a change."""
        return int(np.isfinite(self.leads).sum())

    @property
    def is_tied(self) -> bool:
        """Whether its change is tied to the drop."""
        return self.tied is not None and self.tied <= LEVEL

    @property
    def is_apart_from_drop(self) -> bool:
        """Whether its change is tied to the drop, and earlier or later than that."""
        return self.is_tied and self.moved is not None and self.moved <= LEVEL

    @property
    def outcome(self) -> Outcome:
        """What the corrected tests say at 5 %."""
        if self.estimate is None or self.tied is None:
            return "too few"
        if not self.is_tied:
            return "not tied"
        if not self.is_apart_from_drop:
            return "with the drop"
        if self.apart is None or self.apart > LEVEL:
            return "not beyond the loss"
        return "leads" if self.estimate.number > 0 else "lags"


def leads_of(models: Sequence[Aligned]) -> list[Lead]:
    """Every column of every model, the p-values corrected for the number of a model's columns."""
    return [one for of in models for one in _leads_of(of)]


def _leads_of(of: Aligned) -> list[Lead]:
    tested = [(name, *_tests(of, name)) for name in of.columns]
    corrected = [holm([p[place] for *_, p in tested]) for place in range(3)]
    return [
        Lead(
            model=of.model,
            column=name,
            resolution=of.cadence,
            leads=own,
            estimate=estimate,
            beyond=beyond,
            tied=corrected[0][place],
            moved=corrected[1][place],
            apart=corrected[2][place],
        )
        for place, (name, own, estimate, beyond, _) in enumerate(tested)
    ]


PValues = tuple[float | None, float | None, float | None]


def _tests(of: Aligned, column: str) -> tuple[Values, Estimate | None, Estimate | None, PValues]:
    """A column's leads, its estimate, that beyond the loss, and three p-values, not corrected."""
    pairs = lead_pairs(of, column)
    own = pairs.diagonal()
    estimate = _over_runs(own)
    if estimate is None:
        return own, None, None, (None, None, None)
    sign = 1.0 if estimate.number > 0 else -1.0
    tied = p_of_tie(pairs)
    moved = max(tied, _p_beyond(own, sign, of.cadence))
    falls = own - fall_of_loss(of)[0 if sign > 0 else 1]
    apart = max(moved, _p_beyond(falls, sign, 0.0))
    return own, estimate, _over_runs(falls), (tied, moved, apart)


def _over_runs(leads: Values) -> Estimate | None:
    known = leads[np.isfinite(leads)]
    return estimates.pseudomedian(known) if len(known) >= FEWEST else None


def _p_beyond(leads: Values, sign: float, limit: float) -> float:
    """The two-sided p-value of "the leads, or with the sign -1 the lags, are not above a limit"."""
    found = estimates.pseudomedian(sign * leads[np.isfinite(leads)])
    return min(1.0, 2 * found.tails(limit)[0])


def lead_pairs(of: Aligned, column: str) -> Values:
    """Leads in steps (runs, runs): of the column of one run to the drop of another.

    On the diagonal are each run's own. The drop is looked for about the same row as the column.
    """
    count = len(of.runs)
    runs, drops = (each.ravel() for each in np.indices((count, count)))
    around = of.around(column, runs, drops)
    places = changes(around, of.reach) - around.shape[1] // 2
    leads: Values = (-0.5 - places.reshape(count, count)) * of.cadence
    return leads


def fall_of_loss(of: Aligned) -> tuple[Values, Values]:
    """Steps from where each run's loss has made the first tenth of its fall, and nine, to its drop.

    The fall is from the median of the window's first quarter to that of its last one. A column's
    change is looked for in the middle half, where both steps are looked for, too.
    """
    curve = of.windows(of.curve)
    quarter = of.reach // 2
    before = np.nanmedian(curve[:, : quarter + 1], axis=1, keepdims=True)
    after = np.nanmedian(curve[:, -quarter - 1 :], axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        made = ((curve - before) / (after - before))[:, quarter : curve.shape[1] - quarter]
    drop = of.reach - quarter
    first = np.minimum(np.argmax(made >= TENTH, axis=1), drop)
    last = np.maximum(made.shape[1] - 1 - np.argmax(made[:, ::-1] <= 1 - TENTH, axis=1), drop)
    return (drop - first) * float(of.cadence), (drop - last) * float(of.cadence)


def p_of_tie(pairs: Values) -> float:
    """The p-value of "the column knows nothing of its own run's drop", by permuted drops.

    The statistic is the mean distance of the leads from their median.
    """
    by_chance = _scatter(pairs[np.arange(len(pairs)), _orders(len(pairs))])
    own = _scatter(pairs.diagonal()[None])[0]
    return float((1 + (by_chance <= own * (1 + 1e-12)).sum()) / (1 + PERMUTATIONS))


@cache
def _orders(count: int) -> npt.NDArray[np.intp]:
    """PERMUTATIONS orders of so many runs, drawn at random, the same ones every time."""
    ordered = np.tile(np.arange(count), (PERMUTATIONS, 1))
    return np.random.default_rng(0).permuted(ordered, axis=1)


def _scatter(leads: Values) -> Values:
    """The mean distance from the median of every row, of what is known; infinite without any."""
    ordered = np.sort(leads, axis=1)  # what is not known comes last
    counts = np.isfinite(leads).sum(axis=1)
    rows, last = np.arange(len(leads)), np.maximum(counts - 1, 0)
    median = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    distances = np.nansum(np.abs(leads - median[:, None]), axis=1)
    return np.where(counts > 0, distances / np.maximum(counts, 1), np.inf)
