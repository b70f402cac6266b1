"""What a figure draws of one run: its curves, cut at the plateau."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from analysis.load import StudyData
from analysis.plateau import Plateau, plateau_of
from analysis.rules import PlateauRule
from analysis.statistics import distance

Part = Literal["inside", "after"]
PARTS: dict[Part, str] = {"inside": "in the plateau", "after": "after it"}


@dataclass(frozen=True)
class Line:
    """One run, as a line in a figure: its trajectory and its plateau."""

    run_id: str
    trajectory: pd.DataFrame
    plateau: Plateau

    @property
    def end(self) -> int:
        """The step after the last recorded one."""
        return int(self.trajectory.index[-1]) + 1

    def span(self, part: Part) -> tuple[int, int] | None:
        """First step of the part and the step after its last; None where there is no such part."""
        start, left = self.plateau.start, self.plateau.end
        if part == "after":
            return None if left is None else (left, self.end)
        return None if start is None else (start, start + self.plateau.length)

    def column(self, name: str) -> pd.Series[float]:
        """The finite values of a column (index: step); empty if it was not recorded."""
        if name not in self.trajectory:
            return pd.Series(dtype=float)
        return self.trajectory[name].astype(float).replace([np.inf, -np.inf], np.nan).dropna()

    def travelled(self, *, per_step: bool) -> pd.Series[float]:
        """Distance from the parameters at the first step of the part that a step lies in.

        The parts are the way to the plateau, the plateau, and what follows; a null ends each.
        `per_step` divides by the steps since then.
        """
        spans = [self.span(part) for part in PARTS]
        bounds = sorted({0, self.end, *(span[0] for span in spans if span)})
        found: dict[float, float] = {}
        for first, last in pairwise(bounds):
            for step in [*self._looked(first, last), last]:
                apart = distance(self.trajectory, first, step)
                if apart is not None:
                    found[step] = apart[0] / (apart[1] if per_step else 1)
            found[last + 0.5] = np.nan
        return pd.Series(found, dtype=float)

    def _looked(self, first: int, last: int) -> list[int]:
        """The steps between two at which a distance is known: those with a sketch."""
        sketches = self.trajectory.get("sketch", pd.Series(dtype=float)).dropna().index
        return [int(step) for step in sketches if first < step < last]


@dataclass(frozen=True)
class Curve:
    """A run's values of one quantity (index: step)."""

    line: Line
    values: pd.Series[float]

    def part(self, part: Part) -> pd.Series[float]:
        """The values at the part's steps; empty where there is no such part."""
        first, last = self.line.span(part) or (0, 0)
        return self.values.loc[first : last - 1]

    def at_end(self, part: Part) -> pd.Series[float]:
        """The one value with which the run ends the part; empty where there is no such part."""
        first, last = self.line.span(part) or (0, 0)
        return self.values.loc[first + 0.6 : last].dropna().iloc[-1:]


def lines_of(data: StudyData, rule: PlateauRule, runs: Iterable[str]) -> dict[str, list[Line]]:
    """The given runs by model; first of each the representative: the median plateau length."""
    lines: dict[str, list[Line]] = {}
    for run_id in runs:
        trajectory = data.trajectory(run_id)
        line = Line(run_id, trajectory, plateau_of(trajectory, rule))
        lines.setdefault(str(data.runs.loc[run_id, "model"]), []).append(line)
    for of_model in lines.values():
        by_length = sorted(of_model, key=lambda line: line.plateau.length)
        median = by_length[(len(by_length) - 1) // 2]
        of_model.sort(key=lambda line: line is not median)
    return lines
