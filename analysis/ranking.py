"""The paper's Table 1: the best configurations of every model, by their final value."""

from __future__ import annotations

from math import inf
from typing import Literal

import numpy as np
import pandas as pd

from analysis.load import ENDS, StudyData

FEW = 3  # models that need no ranking
Direction = Literal["minimize", "maximize"]


def ranking(
    data: StudyData, metric: str = "loss/regression", direction: Direction = "minimize"
) -> pd.DataFrame:
    """Every configuration of every model, best first.

    Index: `model`, `rank` (from 1). Columns: what the search varied (dotted keys, and only those
    that took more than one value), then `value` (the metric's last value in the search run, or the
    median over the seeds for a model that was not searched), `seeds` (how many runs that is),
    `diverged` (how many of them diverged), `run_id` (of the first of them) and `setting`. A
    configuration without a final value has a null there and comes last.
    """
    runs = data.runs
    searched = set(runs.loc[runs["stage"] == "search", "model"])
    ranked = runs[(runs["stage"] == "search") | ~runs["model"].isin(searched)].copy()
    ranked["value"] = [final_value(data, run_id, metric) for run_id in ranked.index]
    varied = [key for key in data.varied if ranked[key].nunique() > 1]
    table = (
        ranked.reset_index()
        .groupby(["model", "setting"], sort=False)
        .agg(
            **{key: (key, "first") for key in varied},
            value=("value", "median"),
            seeds=("run_id", "size"),
            diverged=("diverged_at", "count"),
            run_id=("run_id", "first"),
        )
        .reset_index()
    )
    table["worse"] = table["value"] if direction == "minimize" else -table["value"]
    table = table.sort_values(["model", "worse", "setting"], na_position="last")
    table.insert(1, "rank", table.groupby("model").cumcount() + 1)
    order = [*varied, "value", "seeds", "diverged", "run_id", "setting"]
    return table.set_index(["model", "rank"])[order]


def final_value(data: StudyData, run_id: str, metric: str) -> float:
    """The metric in a run's last row; null for a run that diverged or was stopped early."""
    found = data.columns(run_id, [metric])
    if metric not in found:
        known = ", ".join(sorted(data.trajectory(run_id).select_dtypes("number").columns))
        raise ValueError(f"metric {metric!r} was not recorded: columns are {known}")
    value = float(found[metric].iloc[-1])
    ends = [data.runs.at[run_id, end] for end in ENDS if end in data.runs]
    return value if np.isfinite(value) and not pd.notna(ends).any() else np.nan


def compared_runs(
    data: StudyData, metric: str = "loss/regression", direction: Direction = "minimize"
) -> list[str]:
    """The run ids of the rerun of each model's best configuration, by model and seed.

    These are the runs that the statistics over seeds and the claims are about. Before there is any
    rerun of a model: its best search run, so that a study of a few runs has something to show. The
    models are in the order of their names; of more than FEW the best is first.
    """
    rerun = data.runs[data.runs["stage"] == "rerun"]
    chosen: list[tuple[float, list[str]]] = []
    for model, settings in ranking(data, metric, direction).groupby(level="model"):
        of_model = rerun[rerun["model"] == model]
        repeated = settings[settings["setting"].isin(of_model["setting"])]
        best = (settings if repeated.empty else repeated).iloc[0]
        of_best = of_model.index[of_model["setting"] == best["setting"]]
        value = float(best["value"]) * (1 if direction == "minimize" else -1)
        runs = [str(best["run_id"])] if repeated.empty else list(of_best)
        chosen.append((inf if np.isnan(value) else value, runs))
    if len(chosen) > FEW:
        chosen.sort(key=lambda model: model[0])
    return [run_id for _, runs in chosen for run_id in runs]
