"""The paper's Table 1: the best configurations of every model, by their final value."""

from __future__ import annotations

from math import inf

import numpy as np
import pandas as pd

from analysis.load import ENDS, StudyData
from analysis.metric import Metric, Reached, Unreached

FEW = 3  # models that need no ranking
LAST_LOSS = Metric.read("loss/regression")


def ranking(data: StudyData, metric: Metric = LAST_LOSS) -> pd.DataFrame:
    """Every configuration of every model, best first.

    Index: `model`, `rank` (from 1). Columns: what the search varied (dotted keys, and only those
    that took more than one value), then `value` (the metric of the search run, or its median over
    the seeds where there are several), `seeds` (how many runs that is),
    `diverged` (how many of them diverged), `unreached` (how many never reached the metric's level,
    whose score stands for the number), `reached` (whether `value` is a number that was reached, and
    so may be shown), `run_id` (of the first of them) and `setting`. A configuration without a value
    has a null there and comes last.
    """
    runs = data.runs
    searched = set(runs.loc[runs["stage"] == "search", "model"])
    ranked = runs[(runs["stage"] == "search") | ~runs["model"].isin(searched)].copy()
    reached = [reached_of(data, run_id, metric) for run_id in ranked.index]
    ranked["value"] = [number_of(metric, one) for one in reached]
    ranked["unreached"] = [isinstance(one, Unreached) for one in reached]
    varied = [key for key in data.varied if ranked[key].nunique() > 1]
    table = (
        ranked.reset_index()
        .groupby(["model", "setting"], sort=False)
        .agg(
            **{key: (key, "first") for key in varied},
            value=("value", "median"),
            seeds=("run_id", "size"),
            diverged=("diverged_at", "count"),
            unreached=("unreached", "sum"),
            known=("value", "count"),
            run_id=("run_id", "first"),
        )
        .reset_index()
    )
    table["reached"] = 2 * table["unreached"] < table["known"]
    table["worse"] = -table["value"] if metric.maximize else table["value"]
    table = table.sort_values(["model", "worse", "setting"], na_position="last")
    table.insert(1, "rank", table.groupby("model").cumcount() + 1)
    order = [*varied, "value", "seeds", "diverged", "unreached", "reached", "run_id", "setting"]
    return table.set_index(["model", "rank"])[order]


def metric_value(data: StudyData, run_id: str, metric: Metric) -> float:
    """A run's number by the metric, of one that never reached its level the score.

    Null for a run that diverged or was stopped early, or has no such number.
    """
    return number_of(metric, reached_of(data, run_id, metric))


def reached_of(data: StudyData, run_id: str, metric: Metric) -> Reached:
    """What a run reached by the metric; None if it diverged, was stopped early, or has nothing."""
    found = data.columns(run_id, metric.columns)
    if metric.column not in found:
        known = ", ".join(sorted(data.trajectory(run_id).select_dtypes("number").columns))
        raise ValueError(f"metric {metric.column!r} was not recorded: columns are {known}")
    ends = [data.runs.at[run_id, end] for end in ENDS if end in data.runs]
    return None if pd.notna(ends).any() else metric.of(found)


def number_of(metric: Metric, reached: Reached) -> float:
    """What a run reached as one number: its score if it never reached the level, null if nothing.

    Scores are for ranks, and never to be shown.
    """
    rank = metric.rank(reached)
    return (-rank if metric.maximize else rank) if np.isfinite(rank) else np.nan


def compared_runs(data: StudyData, metric: Metric = LAST_LOSS) -> list[str]:
    """The run ids of the rerun of each model's best configuration, by model and seed.

    These are the runs that the statistics over seeds and the claims are about. Before there is any
    rerun of a model: its best search run, so that a study of a few runs has something to show. The
    models are in the order of their names; of more than FEW the best is first.
    """
    rerun = data.runs[data.runs["stage"] == "rerun"]
    chosen: list[tuple[float, list[str]]] = []
    for model, settings in ranking(data, metric).groupby(level="model"):
        of_model = rerun[rerun["model"] == model]
        repeated = settings[settings["setting"].isin(of_model["setting"])]
        best = (settings if repeated.empty else repeated).iloc[0]
        of_best = of_model.index[of_model["setting"] == best["setting"]]
        value = float(best["value"]) * (-1 if metric.maximize else 1)
        runs = [str(best["run_id"])] if repeated.empty else list(of_best)
        chosen.append((inf if np.isnan(value) else value, runs))
    if len(chosen) > FEW:
        chosen.sort(key=lambda model: model[0])
    return [run_id for _, runs in chosen for run_id in runs]
