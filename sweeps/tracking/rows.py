"""What MLflow is told of a run: tags, parameters, summary metrics and thinned curves.

All of it is a function of the manifest and the trajectory, timestamps included, so that telling it
twice adds nothing.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from analysis.rules import PlateauRule
from pinn_core.records.trajectory import Manifest, Trajectory

CURVE_POINTS = 50
METRIC_ROWS = 500
"""At most this many metric rows a run, so that one request carries them all."""


class Point(NamedTuple):
    """One row of a metric, with MLflow's names; ``timestamp`` is in unix milliseconds."""

    key: str
    value: float
    timestamp: int
    step: int


def start_time(manifest: Manifest) -> int:
    """When the run started, in MLflow's unix milliseconds."""
    return int(manifest.started * 1000)


def end_time(manifest: Manifest) -> int:
    """When the run ended, in MLflow's unix milliseconds."""
    return int((manifest.started + manifest.seconds) * 1000)


def tags(manifest: Manifest) -> dict[str, str]:
    """What runs are grouped and found by."""
    names = ("run_id", "study", "model", "stage", "seed", "digest", "pack_size", "device")
    return {name: str(getattr(manifest, name)) for name in names}


def parameters(manifest: Manifest) -> dict[str, str]:
    """What the search varied, and the seed; lists and the like as JSON."""
    varied: Mapping[str, Any] = {**manifest.varied, "seed": manifest.seed}
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in varied.items()
    }


def metrics(manifest: Manifest, trajectory: Trajectory, rule: PlateauRule) -> list[Point]:
    """The summary metrics, then the thinned curves under their columns' names; all finite.

    A summary stands at step 0: MLflow's pages draw bars of metrics without a later step, and curves
    of the others.
    """
    # pandas with it, which takes a second
    from analysis.plateau import summary_columns, summary_metrics

    schema = trajectory.table.schema
    plain = [field.name for field in schema if not _is_list(field) and field.name != "step"]
    needed = trajectory.table.select([*summary_columns(plain, rule), "step"])
    frame = needed.to_pandas(use_threads=False).set_index("step")  # threads take twice as long
    summary = summary_metrics(frame, rule)
    if manifest.diverged_at is not None:
        summary["diverged_at"] = float(manifest.diverged_at)
    if manifest.pruned_at is not None:
        summary = {key: value for key, value in summary.items() if not key.startswith("final.")}
        summary["pruned_at"] = float(manifest.pruned_at)
    rows = [(key, value, 0) for key, value in summary.items() if math.isfinite(value)]
    rows += _curves(trajectory, METRIC_ROWS - len(rows))
    start = start_time(manifest)
    return [Point(key, value, start + step, step) for key, value, step in rows]


def curve_columns(table: pa.Table) -> list[str]:
    """The columns that are published as curves: all numbers but wall times."""
    return [
        field.name
        for field in table.schema
        if "/" in field.name and not (field.name.startswith("time/") or _is_list(field))
    ]


def _is_list(field: pa.Field) -> bool:
    return bool(pa.types.is_list(field.type))


def _curves(trajectory: Trajectory, budget: int) -> Iterator[tuple[str, float, int]]:
    """Column, value and step of each column's finite values, thinned until all fit the budget."""
    finite = _finite(trajectory.table)
    points = _affordable([len(values) for _, values in finite.values()], budget)
    for name, (at, values) in finite.items():
        kept = thinned(len(values), points)
        yield from zip(repeat(name), values[kept].tolist(), at[kept].tolist(), strict=False)


def are_whole(table: pa.Table, curves: Mapping[str, Sequence[int]]) -> bool:
    """Whether curves, given by their steps, are this table's, thinned as far as some budget asks.

    Every column has to be there, be it without a point.
    """
    finite = {name: at for name, (at, _) in _finite(table).items()}
    longest = max(finite, key=lambda name: len(finite[name]), default=None)
    if longest is None:
        return not curves
    return any(
        all(
            np.array_equal(at[thinned(len(at), points)], curves[name])
            for name, at in finite.items()
        )
        for points in range(CURVE_POINTS + 1)
        if len(thinned(len(finite[longest]), points)) == len(curves[longest])
    )


def _finite(table: pa.Table) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Steps and values of every curve's finite values."""
    steps = table.column("step").to_numpy()
    found = {}
    for name in curve_columns(table):
        values = table.column(name).to_numpy()  # null becomes NaN
        kept = np.isfinite(values)
        found[name] = (steps[kept], values[kept])
    return found


def _affordable(lengths: list[int], budget: int) -> int:
    """The most points a curve may have so that curves of these lengths fit the budget together."""
    fits = (
        n for n in range(CURVE_POINTS, 0, -1) if sum(min(n, len_) for len_ in lengths) <= budget
    )
    return next(fits, 0)


@lru_cache
def thinned(length: int, points: int) -> np.ndarray:
    """At most ``points`` of ``length`` positions: half evenly spaced, half growing geometrically.

    >>> thinned(1001, 10).tolist()
    [0, 5, 31, 177, 250, 500, 750, 1000]
    >>> thinned(3, 10).tolist()
    [0, 1, 2]
    """
    if length <= points:
        return np.arange(length)
    even = np.linspace(0, length - 1, points // 2)
    growing = np.geomspace(1, length, points - points // 2) - 1
    return np.unique(np.round(np.concatenate([even, growing])).astype(int))
