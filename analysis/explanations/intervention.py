"""What moves with the plateau when a remedy is applied: each remedy against the baseline, paired.

A column that foretells the plateau's end need not decide it. A remedy is an experiment: it moves
some columns at the beginning of the plateau, and it moves the plateau's end or does not. A column
is read in both runs of a seed over the same steps, the first of the baseline's plateau.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis import estimates
from analysis.estimates import LEVEL, Estimate
from analysis.explanations.prediction import FEWEST
from analysis.explanations.recorded import numbers
from analysis.load import StudyData
from analysis.plateau import plateau_of
from analysis.remedies import Remedies
from analysis.rules import PlateauRule
from analysis.verdicts import holm

Outcome = Literal[
    "as foretold", "against it", "both", "column alone", "plateau alone", "not decided"
]


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """What one remedy does to one column.

    `shift` is the difference to the baseline over pairs, in standard deviations of the baseline's
    values over seeds; `corrected` its p-value, corrected for all columns of all remedies. `plateau`
    is 1 where the remedy leaves the plateau later, -1 earlier, 0 where no test decides that.
    `direction` is the sign of the prediction: 1 where larger values go with later ends, 0 where the
    column foretells nothing.
    """

    remedy: str
    column: str
    pairs: int
    shift: Estimate | None
    corrected: float | None
    plateau: int
    direction: int

    @property
    def outcome(self) -> Outcome:
        """What moved; where both did, and the column foretells the end, whether as it foretells."""
        column_moved = self.corrected is not None and self.corrected <= LEVEL
        if self.shift is None or not (column_moved or self.plateau):
            return "not decided"
        if not column_moved:
            return "plateau alone"
        if not self.plateau:
            return "column alone"
        if not self.direction:
            return "both"
        as_foretold = np.sign(self.shift.number) * self.direction == self.plateau
        return "as foretold" if as_foretold else "against it"


Found = tuple[str, str, Estimate | None, int]
"""A remedy, a column, the column's shift, and which way the plateau's end moved."""


def interventions(
    data: StudyData,
    rule: PlateauRule,
    runs: Sequence[str],
    compared: Sequence[Remedies],
    directions: Mapping[str, int],
) -> list[Intervention]:
    """Every remedy and column (those of `directions`, with their signs) against its baseline."""
    found = [one for of in compared for one in _against(data, rule, runs, of, list(directions))]
    corrected = holm([None if shift is None else shift.p(0.0) for _, _, shift, _ in found])
    return [
        Intervention(
            remedy=remedy,
            column=name,
            pairs=0 if shift is None else shift.seeds,
            shift=shift,
            corrected=p,
            plateau=plateau,
            direction=directions[name],
        )
        for (remedy, name, shift, plateau), p in zip(found, corrected, strict=True)
    ]


def _against(
    data: StudyData,
    rule: PlateauRule,
    runs: Sequence[str],
    remedies: Remedies,
    columns: Sequence[str],
) -> list[Found]:
    """Every remedy of one baseline and every column."""
    about = data.runs.loc[list(runs)]
    begun = {}
    for run, seed in about.loc[about["model"] == remedies.baseline, "seed"].items():
        start = plateau_of(data.trajectory(str(run)), rule).start
        if start is not None:
            begun[seed] = (start, _values(data, str(run), columns, start, rule.window))
    found: list[Found] = []
    for one in remedies.ranked:
        if one.reference:
            continue
        pairs = [
            (begun[seed][1], _values(data, str(run), columns, begun[seed][0], rule.window))
            for run, seed in about.loc[about["model"] == one.model, "seed"].items()
            if seed in begun
        ]
        plateau = {"holds": -1, "does not hold": 1}.get(one.steps.ratio.outcome, 0)
        found += [(one.model, name, _shift(pairs, name), plateau) for name in columns]
    return found


def _values(
    data: StudyData, run: str, columns: Sequence[str], start: int, window: int
) -> dict[str, float]:
    """The median of every column over the window, or its first value after it began."""
    rows = numbers(data.trajectory(run), columns).loc[start:]
    values = {}
    for name in map(str, rows):
        known = rows[name].dropna()
        inside = known.loc[: start + window - 1]
        if len(known):
            values[name] = float((known.iloc[:1] if inside.empty else inside).median())
    return values


def _shift(
    pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]], column: str
) -> Estimate | None:
    both = [
        (one[column], other[column]) for one, other in pairs if column in one and column in other
    ]
    if len(both) < FEWEST:
        return None
    before, after = np.array(both).T
    spread = before.std(ddof=1)
    return estimates.pseudomedian((after - before) / spread) if spread > 0 else None
