"""How runs ended, in tables: wrong solutions of low loss, and how losses are conditioned."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.report.rows import Rows, text
from analysis.rules import WrongSolutionRule
from analysis.wording import NONE, model_name, number

CONDITIONS = ("largest", "negative", "condition")


def wrong_in_words(table: pd.DataFrame, rule: WrongSolutionRule) -> str:
    """How many runs of the table of `outcomes.outcomes` are flagged, and by which rule."""
    flagged = int(table["wrong"].sum())
    runs = "Of 1 run" if len(table) == 1 else f"Of {len(table)} runs"
    return (
        f"{runs} {flagged or 'none'} ended with a loss of at most {rule.loss:g} of that of its "
        f"first row and a relative L2 error above {rule.error:g}."
    )


def wrong_by_model(table: pd.DataFrame) -> Rows:
    """A row per model that has flagged runs."""
    cells = [
        (model_name(model), str(int(runs["wrong"].sum())), str(len(runs)))
        for model, runs in table.groupby("model", sort=False)
        if runs["wrong"].any()
    ]
    return Rows(("model", "low loss, wrong solution", "of runs"), cells)


def wrong_runs(table: pd.DataFrame) -> Rows:
    """Every flagged run."""
    flagged = table[table["wrong"]].reset_index()
    cells = [
        (*map(text, about), number(first), number(loss), number(error), text(setting))
        for *about, first, loss, error, setting in flagged[
            ["run_id", "model", "stage", "seed", "first", "loss", "error", "setting"]
        ].itertuples(index=False)
    ]
    header = ("run", "model", "stage", "seed", "first loss", "final loss", "error", "varied")
    return Rows(header, cells)


def condition_rows(table: pd.DataFrame) -> Rows:
    """A row per model and loss of the table of `conditioning.conditions`: medians over seeds."""
    header: tuple[str, ...] = ("model: loss", "seeds", "step")
    if table.empty:
        return Rows(header, [])
    states = [False, True] if table["preconditioned"].any() else [False]
    words = ("largest eigenvalue", "negative", "condition number")
    header += words
    if len(states) > 1:
        header += tuple(f"after L-BFGS: {word}" for word in words)
    cells = [
        (
            f"{model_name(model)}: {_words(str(term))}",
            str(runs["run_id"].nunique()),
            number(float(runs["step"].median())),
            *(cell for state in states for cell in _medians(runs[runs["preconditioned"] == state])),
        )
        for (model, term), runs in table.groupby(["model", "term"], sort=False)
    ]
    return Rows(header, cells)


def _medians(runs: pd.DataFrame) -> tuple[str, ...]:
    if runs.empty:
        return (NONE,) * len(CONDITIONS)
    largest, negative, condition = (float(runs[each].median()) for each in CONDITIONS)
    return (
        number(largest),
        f"{100 * negative:.2g} %",
        number(condition) if condition < np.inf else "∞",
    )


def _words(term: str) -> str:
    return {"total": "what is optimised"}.get(term, term.replace("_", " "))
