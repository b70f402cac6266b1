"""The table of conflict rates, model by model."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.conflicts import RATES, conflict_rates
from analysis.load import StudyData
from analysis.report.rows import Rows
from analysis.wording import model_name, plus_minus


def conflict_rows(data: StudyData, runs: Sequence[str]) -> Rows:
    """A row per model that recorded conflicts: mean ± standard deviation over its runs."""
    table = conflict_rates(data, runs)
    cells = [
        (
            model_name(model),
            str(len(own)),
            *(plus_minus(own[each].mean(), own[each].std()) for each in RATES),
        )
        for model, own in table.groupby("model", sort=False)
    ]
    return Rows(("model", "seeds", *RATES.values()), cells)
