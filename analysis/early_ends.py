"""Runs that diverged before a plateau could be seen: the lengths of their plateaus are unknown."""

from __future__ import annotations

import pandas as pd

from analysis.wording import model_name


def ended_early(table: pd.DataFrame) -> pd.Series[bool]:
    """Of a table with a run's `plateau` quantities in each row: whether its curve was too short.

    Such a plateau is censored and has no start.
    """
    censored = table["plateau.censored"] == 1
    return censored & table["plateau.start"].isna() if "plateau.start" in table else censored


def early_ends(table: pd.DataFrame) -> str:
    """How many runs of each model ended early, as a sentence; empty if none did."""
    early = ended_early(table)
    if not early.any():
        return ""
    of_models = [
        f"{model_name(model)} {of_model.sum()} of {len(of_model)}"
        for model, of_model in early.groupby(table["model"].astype(str), sort=False)
        if of_model.any()
    ]
    return f"{', '.join(of_models)} ended before a plateau could be seen."
