"""The coefficients that runs trained beside their networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from analysis.load import StudyData
from analysis.plateau import plateau_of
from analysis.rules import PlateauRule

PREFIX, ERROR = "unknown/", "error/unknown/"


def unknown_names(columns: Iterable[object]) -> list[str]:
    """Names of the unknowns among the columns of a trajectory."""
    return [str(name).removeprefix(PREFIX) for name in columns if str(name).startswith(PREFIX)]


def unknown_values(data: StudyData, rule: PlateauRule, runs: Sequence[str]) -> pd.DataFrame:
    """A row for each run and unknown: `model`, `unknown`, and its values.

    `first` and `final` are those of the first and the last row, `left` that at the first step after
    the plateau (NaN where there is none), `error` the last row's relative distance from the true
    value (NaN where that is not known). A run that diverged has none at its end.
    """
    rows = []
    for run_id in runs:
        trajectory = data.trajectory(run_id)
        names = unknown_names(trajectory.columns)
        end = plateau_of(trajectory, rule).end if names else None
        for name in names:
            values = trajectory[PREFIX + name]
            errors = trajectory.get(ERROR + name)
            rows.append(
                {
                    "model": data.runs.loc[run_id, "model"],
                    "unknown": name,
                    "first": values.iloc[0],
                    "left": values.get(end, float("nan")),
                    "final": values.iloc[-1],
                    "error": float("nan") if errors is None else errors.iloc[-1],
                }
            )
    names = ["model", "unknown", "first", "left", "final", "error"]
    return pd.DataFrame(rows, columns=names)
