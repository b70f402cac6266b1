"""How every run ended: its loss, its error, and whether a small loss hides a wrong solution.

A network may satisfy an equation nearly everywhere and yet solve another problem, a constant being
the usual one: the loss is small, the error as large as that of zero (Krishnapriyan et al. 2021;
Rathore et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from analysis.load import StudyData
from analysis.rules import WrongSolutionRule

LOSSES = ("loss/total", "loss/batch")
"""The first of them that a run recorded is its loss."""
ERROR = "error/relative_l2"


def outcomes(data: StudyData, rule: WrongSolutionRule) -> pd.DataFrame:
    """Every run's end.

    Index: `run_id`. Columns: `model`, `stage`, `seed`, `setting`; `first` and `loss`, its loss in
    the first and the last row that has one (what is optimised, with its weights, on the evaluation
    points); `error`, the relative L2 error at the end; `wrong`, whether the rule flags it. A run
    that diverged has nulls and no flag.
    """
    about = data.runs[["model", "stage", "seed", "setting"]].copy()
    ends = [_end(data, str(run_id)) for run_id in about.index]
    about[["first", "loss", "error"]] = np.array(ends, dtype=float).reshape(-1, 3)
    about["wrong"] = [rule.flags(*end) for end in ends]
    return about


def _end(data: StudyData, run_id: str) -> tuple[float, float, float]:
    if data.runs["diverged_at"].notna()[run_id]:
        return np.nan, np.nan, np.nan
    trajectory = data.columns(run_id, (*LOSSES, ERROR))
    loss = next((found for found in _recorded(trajectory, LOSSES)), None)
    error = next((found for found in _recorded(trajectory, (ERROR,))), None)
    first, last = (np.nan, np.nan) if loss is None else (loss.iloc[0], loss.iloc[-1])
    return float(first), float(last), np.nan if error is None else float(error.iloc[-1])


def _recorded(trajectory: pd.DataFrame, names: tuple[str, ...]) -> Iterator[pd.Series[float]]:
    """The finite values of those columns that have any."""
    for name in names:
        if name in trajectory:
            found = trajectory[name].astype(float).replace([np.inf, -np.inf], np.nan).dropna()
            if len(found):
                yield found


def wrong_json(table: pd.DataFrame, rule: WrongSolutionRule) -> dict[str, Any]:
    """The flagged runs of the table of `outcomes`, as plain data for claims.json."""
    flagged = table[table["wrong"]].reset_index()
    kept = flagged[["run_id", "model", "first", "loss", "error"]]
    by_model = table.groupby("model", sort=False)["wrong"].sum()
    return {
        "rule": asdict(rule),
        "runs": kept.to_dict("records"),
        "models": {str(model): int(count) for model, count in by_model.items()},
    }
