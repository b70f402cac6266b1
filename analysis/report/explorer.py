"""All runs of a study in compact numbers, for the linked views of `explorer.js`."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.effects.axes import WIDE, axis_of, value_in_words
from analysis.effects.matters import Matters
from analysis.effects.searched import END
from analysis.load import StudyData
from analysis.metric import Metric
from analysis.outcomes import ERROR
from analysis.rules import PlateauRule
from analysis.wording import model_name

POINTS = 64  # of a curve
STEPS = 65534  # between the lowest and the highest value of a curve; 0 is none
ENDING = "how it ended"  # the axis that every study has


def explorer(
    data: StudyData, rule: PlateauRule, found: Sequence[Matters], ends: pd.DataFrame
) -> dict[str, Any] | None:
    """The runs of all searches: axes, curves, and where the views begin; None without a search.

    `axes` are what was varied, the most important first, then results; `curves` are POINTS values
    of every run, evenly spread from its first to its `last` step.
    """
    if not found:
        return None
    runs = pd.concat([each.searched.runs for each in found])
    varied = dict.fromkeys(axis.key for each in found for axis in each.axes)
    models = data.runs.loc[runs.index, "model"].map(model_name)
    metric = found[0].searched.metric
    axes = [
        *([_listed("model", models)] if models.nunique() > 1 else []),
        *(_varied(key, data.runs.loc[runs.index, key]) for key in varied),
        _listed(ENDING, runs["regime"]),
        *_results(runs, metric, ends.loc[runs.index, "error"]),
    ]
    names = list(dict.fromkeys((rule.curve, metric.column)))
    by_name = [axis["name"] for axis in axes]
    return {
        "ids": list(runs.index),
        "axes": axes,
        "last": _base64(runs["last"].to_numpy("<f4")),
        "curves": list(_curves(data, runs, names)),
        "across": by_name.index(next(iter(varied))),
        "up": by_name.index(metric.heading if metric.heading in by_name else ENDING),
    }


def _varied(key: str, values: pd.Series[Any]) -> dict[str, Any]:
    """The axis of a hyperparameter, empty for the runs of models that do not have it."""
    has = values.notna()
    axis = axis_of(key, values[has])
    if axis.levels:
        labels = [value_in_words(value) for value in axis.levels]
        return _axis(key, axis.numbers.reindex(values.index), labels=labels)
    return _axis(key, axis.numbers.reindex(values.index), log=axis.log)


def _listed(name: str, values: pd.Series[Any]) -> dict[str, Any]:
    labels = list(dict.fromkeys(values))
    return _axis(name, values.map(labels.index), labels=labels)


def _results(
    runs: pd.DataFrame, metric: Metric, error: pd.Series[float]
) -> Iterator[dict[str, Any]]:
    value = runs["value"].mask(runs["unreached"])
    results = {metric.heading: value, END: runs["end"], f"final {ERROR}": error}
    for name, values in results.items():
        known = values[np.isfinite(values)]
        if len(known):
            log = bool(known.min() > 0 and known.max() > WIDE * known.min())
            none = "never" if name == END or (metric.counts and name == metric.heading) else "none"
            yield _axis(name, values.where(np.isfinite(values)), log=log, none=none)


def _axis(
    name: str,
    values: pd.Series[float],
    *,
    labels: list[str] | None = None,
    log: bool = False,
    none: str = "none",
) -> dict[str, Any]:
    """`values` are numbers, or places in `labels`; null ones are called `none`."""
    numbers = _base64(values.to_numpy("<f4"))
    return {"name": name, "labels": labels, "log": log, "none": none, "values": numbers}


def _curves(data: StudyData, runs: pd.DataFrame, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    thin = [_thin(data.columns(str(run_id), names), names) for run_id in runs.index]
    for place, name in enumerate(names):
        values = np.array([of_run[place] for of_run in thin])
        known = values[np.isfinite(values)]
        if len(known):
            log = bool(known.min() > 0)
            yield {"name": name, "points": POINTS, **_compact(values, log=log)}


def _thin(trajectory: pd.DataFrame, names: Sequence[str]) -> list[npt.NDArray[np.float64]]:
    """POINTS values of each column, interpolated between the steps that have one."""
    last = float(trajectory.index[-1])
    steps = np.linspace(float(trajectory.index[0]), last, POINTS)
    found = []
    for name in names:
        values = trajectory[name].astype(float).replace([np.inf, -np.inf], np.nan).dropna()
        found.append(
            np.interp(steps, values.index.to_numpy(dtype=float), values, right=np.nan)
            if len(values)
            else np.full(POINTS, np.nan)
        )
    return found


def _compact(values: npt.NDArray[np.float64], *, log: bool) -> dict[str, Any]:
    """Two bytes for each value; `low` and `high` are the ends, in decades on a logarithmic axis."""
    numbers = np.log10(values) if log else values
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    parts = (numbers - low) / (high - low or 1.0)
    packed = np.where(np.isfinite(parts), 1 + np.round(parts * STEPS), 0).astype("<u2")
    return {"log": log, "low": low, "high": high, "values": _base64(packed)}


def _base64(numbers: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()
