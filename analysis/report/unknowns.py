"""The table of unknown coefficients, model by model."""

from __future__ import annotations

import pandas as pd

from analysis.report.rows import Rows
from analysis.wording import NONE, model_name, number


def unknown_rows(table: pd.DataFrame) -> Rows:
    """A row per model and unknown, from `unknowns.unknown_values`: medians, smallest, largest."""
    cells = [
        (
            model_name(str(model)),
            str(unknown),
            str(len(own)),
            number(own["first"].median()),
            _spread(own["left"]),
            _spread(own["final"]),
            _spread(own["error"]),
        )
        for (model, unknown), own in table.groupby(["model", "unknown"], sort=False)
    ]
    return Rows(
        ("model", "unknown", "runs", "start", "after the plateau", "end", "relative error"), cells
    )


def _spread(values: pd.Series[float]) -> str:
    """The median and, of several, the smallest and the largest; a dash for none."""
    known = values.dropna()
    if known.empty:
        return NONE
    median = number(known.median())
    return (
        median if len(known) == 1 else f"{median} ({number(known.min())} to {number(known.max())})"
    )
