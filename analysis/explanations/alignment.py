"""The runs of a model around their drops: every column at the same rows, before and after.

The *drop* of a run is the change (`analysis.explanations.change`) of the curve from which plateaus
are read, looked for about the end of its plateau. All columns are taken at the steps of the
coarsest of them, the curve too, and on a logarithmic scale where all their values are positive.
What was recorded before a run's plateau began is left out: the beginning of a training has changes
too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, lcm

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.explanations.change import Values, changes
from analysis.explanations.recorded import cadence_of, numbers
from analysis.load import StudyData
from analysis.plateau import Plateau, plateau_of
from analysis.rules import PlateauRule

WHOLE = 0.1
"""The part of the runs that may be left out so that the window can be wider for the others."""
FEWEST_ROWS = 10
"""Rows that a column must have on either side of the drop."""
MOST_ROWS = 200
"""Rows on either side, beyond which every second, third, ... is taken."""
BEYOND = 1.5
"""How far a change is looked for and its window reaches, in half-widths of the window."""

Steps = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Aligned:
    """The runs of a model that left their plateau, around their drops.

    `window` is how many steps are looked at on either side of a drop, `cadence` the steps between
    two rows. `curves` are by column (runs, rows): row k is step k times the cadence, NaN where the
    column is not known or the plateau had not begun. `drops` are in rows, `ends` of plateaus in
    steps. `logarithmic` are the columns whose curves are natural logarithms. `stayed` runs never
    left their plateau or had none, `short` ones left it too early or too late for the window.
    `seldom` are the columns that come again too seldom, with their cadence.
    """

    model: str
    curve: str
    window: int
    cadence: int
    runs: tuple[str, ...]
    curves: Mapping[str, Values]
    drops: Steps
    ends: Values
    logarithmic: frozenset[str]
    stayed: int
    short: int
    seldom: Mapping[str, int]

    @property
    def reach(self) -> int:
        """The window in rows."""
        return self.window // self.cadence

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns but the curve of the plateaus."""
        return tuple(name for name in self.curves if name != self.curve)

    @property
    def steps_of_drops(self) -> Values:
        """The step of each run's drop."""
        return self.drops.astype(float) * self.cadence

    def only(self, column: str) -> Aligned:
        """The same runs with this column alone."""
        return replace(self, curves={name: self.curves[name] for name in (self.curve, column)})

    def windows(self, column: str) -> Values:
        """The column (runs, rows) about each run's own drop, as far as the window reaches."""
        return _around(self.curves[column], np.arange(len(self.runs)), self.drops, self.reach)

    def around(self, column: str, runs: Steps, of: Steps) -> Values:
        """The column (pairs, rows) of these runs about the drops `of` those, BEYOND the window."""
        return _around(self.curves[column], runs, self.drops[of], int(BEYOND * self.reach))


def aligned(
    data: StudyData,
    rule: PlateauRule,
    runs: Sequence[str],
    columns: Iterable[str],
    window: int | None = None,
) -> Aligned:
    """The given runs, which are of one model, about their drops; without a window the widest.

    That is the widest which all but WHOLE of the runs that left their plateaus have whole.
    """
    model = str(data.runs.loc[runs[0], "model"])
    wanted = [rule.curve, *(name for name in columns if name != rule.curve)]
    tables, plateaus = {}, {}
    for run in runs:
        trajectory = data.trajectory(run)
        plateau = plateau_of(trajectory, rule)
        if plateau.end is not None:
            tables[run], plateaus[run] = numbers(trajectory, wanted), plateau
    room = {run: _room(plateaus[run], tables[run], rule.curve) for run in tables}
    wide = _window(list(room.values())) if window is None else window
    whole = [run for run in tables if wide and room[run] >= BEYOND * wide]
    cadence, kept, seldom = _common_cadence([tables[run] for run in whole], rule.curve, wide)
    if rule.curve not in kept:
        whole = []
    curves, logarithmic = _on_rows([tables[run] for run in whole], kept, cadence, plateaus, whole)
    ends = np.array([plateaus[run].end for run in whole], dtype=float)
    return Aligned(
        model=model,
        curve=rule.curve,
        window=wide,
        cadence=cadence,
        runs=tuple(whole),
        curves=curves,
        drops=_drops(curves[rule.curve], ends / cadence, wide // cadence) if whole else _NONE,
        ends=ends,
        logarithmic=logarithmic,
        stayed=len(runs) - len(tables),
        short=len(tables) - len(whole),
        seldom=seldom,
    )


_NONE: Steps = np.zeros(0, dtype=np.intp)


def _room(plateau: Plateau, table: pd.DataFrame, curve: str) -> int:
    """Steps that a run has on either side of its plateau's end."""
    known = table[curve].dropna().index
    end = plateau.end or 0
    return min(plateau.length, int(known[-1]) - end)


def _window(rooms: Sequence[int]) -> int:
    if not rooms:
        return 0
    return int(np.quantile(rooms, WHOLE, method="lower") / BEYOND)


def _common_cadence(
    tables: Sequence[pd.DataFrame], curve: str, window: int
) -> tuple[int, list[str], dict[str, int]]:
    """The cadence at which all columns have values, those columns, and those that come too seldom.

    A column counts from the coarsest of its runs' cadences; the finest columns are taken first.
    """
    names = dict.fromkeys(name for table in tables for name in map(str, table))
    found = {name: max(_cadence(table, name) for table in tables) for name in names}
    common = 1
    kept: list[str] = []
    seldom: dict[str, int] = {}
    for name in sorted(found, key=lambda name: (name != curve, found[name])):
        together = lcm(common, found[name]) if found[name] else 0
        if together and together * FEWEST_ROWS <= window:
            common, kept = together, [*kept, name]
        else:
            seldom[name] = found[name]
    return common * max(1, ceil(window / common / MOST_ROWS)), kept, seldom


def _cadence(table: pd.DataFrame, name: str) -> int:
    return cadence_of(table[name]) if name in table else 0


def _on_rows(
    tables: Sequence[pd.DataFrame],
    names: Sequence[str],
    cadence: int,
    plateaus: Mapping[str, Plateau],
    runs: Sequence[str],
) -> tuple[dict[str, Values], frozenset[str]]:
    """Every column of every run at the multiples of the cadence since its plateau began."""
    last = max((int(table.index[-1]) for table in tables), default=0)
    steps = pd.RangeIndex(0, last + 1, cadence)
    begun = np.array([[plateaus[run].start or 0] for run in runs]).reshape(len(runs), 1)
    since = steps.to_numpy() >= begun
    curves, logarithmic = {}, set()
    for name in names:
        rows = np.stack([_rows(table, name, steps) for table in tables])
        rows = np.where(since, rows, np.nan)
        if not (rows <= 0).any():
            rows = np.log(rows)
            logarithmic.add(name)
        curves[name] = rows
    return curves, frozenset(logarithmic)


def _rows(table: pd.DataFrame, name: str, steps: pd.RangeIndex) -> Values:
    if name not in table:
        return np.full(len(steps), np.nan)
    rows: Values = table[name].reindex(steps).to_numpy(dtype=float)
    return rows


def _drops(curve: Values, ends: Values, reach: int) -> Steps:
    """The row of each run's change of the curve, in a window that begins at its plateau's end."""
    first = np.round(ends).astype(np.intp)
    around = _around(curve, np.arange(len(curve)), first, int(BEYOND * reach))
    places = changes(around, reach) - around.shape[1] // 2
    drops: Steps = first + np.nan_to_num(np.floor(places + 0.5)).astype(np.intp)
    return drops


def _around(curve: Values, runs: Steps, drops: Steps, far: int) -> Values:
    padded = np.pad(curve, ((0, 0), (far, far)), constant_values=np.nan)
    offsets = np.arange(2 * far + 1)
    around: Values = padded[runs[:, None], drops[:, None] + offsets]
    return around
