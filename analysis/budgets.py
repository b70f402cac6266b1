"""Whether compared models had equal chances: steps, evaluations, configurations, seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from analysis.load import StudyData
from analysis.spent import EVALUATIONS, PRODUCTS, spent
from analysis.wording import count, model_name, number

ALIKE = 1.1  # ratio of the most to the fewest evaluations, up to which they count as equal
FEW = 4  # models of one number that are named


def unequal_budgets(data: StudyData, runs: Sequence[str]) -> list[str]:
    """A sentence for everything of which the models of these runs had unequal numbers."""
    compared = data.runs.loc[list(runs)]
    by_model = compared["model"].map(str)
    searched = data.runs[(data.runs["stage"] == "search") & data.runs["model"].isin(set(by_model))]
    tried = searched["model"].map(str).value_counts().reindex(by_model.unique(), fill_value=0)
    work = pd.Series([_evaluations(data, str(run_id)) for run_id in runs], compared.index)
    evaluations = work.groupby(by_model, sort=False).median().dropna()
    found = {
        "steps of training": compared.groupby(by_model, sort=False)["steps"].median(),
        "evaluations of loss and gradient": evaluations if _differ(evaluations) else work[:0],
        "configurations in the search": tried,
        "seeds": by_model.value_counts(sort=False),
    }
    return [
        f"Unequal numbers of {what}: {', '.join(_by_number(values))}."
        for what, values in found.items()
        if values.nunique() > 1
    ]


def _evaluations(data: StudyData, run_id: str) -> float:
    """Those of a run up to its last row, products counted in; null where they were not recorded."""
    recorded = data.columns(run_id, [EVALUATIONS, PRODUCTS]).dropna(how="all")
    if recorded.empty:
        return float("nan")
    return spent(recorded, int(recorded.index[-1]))["evaluations"]


def _differ(values: pd.Series[float]) -> bool:
    return len(values) > 0 and bool(values.max() > ALIKE * values.min())


def _by_number(values: pd.Series[float]) -> Iterator[str]:
    """Every number with the models that have it, the largest first."""
    for value, of_value in sorted(values.groupby(values), key=lambda group: -float(group[0])):
        models = list(map(model_name, of_value.index))
        named = ", ".join(models) if len(models) <= FEW else count(len(models), "model")
        yield f"{number(float(value))} ({named})"
