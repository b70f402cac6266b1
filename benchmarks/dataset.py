"""``python -m benchmarks.dataset STORE FILE.parquet``: a study's runs and curves in one file.

A row for each run: ``run_id``, ``model``, ``stage``, ``seed``, what the search varied (by dotted
key; as text where one of its values is text), ``steps``, ``diverged_at``, ``device`` (cpu or cuda),
``seconds`` (of its pack, its share), the last value of each loss and error (``final.<column>``),
the first plateau of loss/regression (``plateau.start``, ``plateau.length`` in steps,
``plateau.censored`` where it was not left), ``digest`` of the whole trajectory, and ``curve.step``
with ``curve.<column>``: at most POINTS values of each of CURVES, float32; before the first recorded
value null, later the last recorded one. The steps are about equally far apart on a logarithmic axis
in the first DENSE part of the training, and on a linear one after it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.load import StudyData, from_store
from analysis.plateau import plateau_of
from analysis.rules import PlateauRule

CURVES = ("loss/total", "loss/regression", "update/cosine", "gradient/cosine")
POINTS = 64
DENSE, EARLY = 0.1, 28
"""Part of the training that is shown on a logarithmic axis, and by how many points at most."""
LOSSES = ("loss/", "error/", "full/")


def table_of(data: StudyData, rule: PlateauRule) -> pa.Table:
    """The rows of a study."""
    runs = data.runs.copy()
    for key in data.varied:
        if any(isinstance(value, str) for value in runs[key]):
            runs[key] = runs[key].map(str, na_action="ignore")
    data = replace(data, runs=runs)
    return pa.Table.from_pylist([_row(data, str(run_id), rule) for run_id in data.runs.index])


def _row(data: StudyData, run_id: str, rule: PlateauRule) -> dict[str, Any]:
    run, trajectory = data.runs.loc[run_id], data.trajectory(run_id)
    plateau = plateau_of(trajectory, rule)
    whole = run.isna()["diverged_at"]
    losses = [name for name in map(str, trajectory) if name.startswith(LOSSES)]
    last = {f"final.{name}": float(trajectory[name].iloc[-1]) for name in losses if whole}
    about = (
        "model",
        "stage",
        "seed",
        *data.varied,
        "steps",
        "diverged_at",
        "device",
        "seconds",
        "digest",
    )
    return {
        "run_id": run_id,
        **{name: _plain(run[name]) for name in about if name in run},
        **last,
        "plateau.start": plateau.start,
        "plateau.length": plateau.length,
        "plateau.censored": plateau.censored,
        **_curves(trajectory),
    }


def _curves(trajectory: pd.DataFrame) -> dict[str, list[float] | list[int]]:
    """Values at the thinned steps, or the last that were recorded before each."""
    steps = _thinned(int(trajectory.index[-1]))
    found: dict[str, Any] = {"curve.step": steps.tolist()}
    for name in CURVES:
        if name in trajectory:
            known = trajectory[name].astype("float32").ffill()
            found[f"curve.{name}"] = known.loc[steps.tolist()].tolist()
    return found


def _thinned(end: int) -> npt.NDArray[np.int64]:
    """At most POINTS steps from 0 to the end; the first ones are too close to differ."""
    bend = min(max(1, round(DENSE * end)), end)
    early = np.geomspace(1, bend + 1, EARLY).round().astype(int) - 1
    late = np.linspace(bend, end, POINTS - EARLY + 1).round().astype(int)
    return np.unique(np.concatenate([early, late]))


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A cell as Python has it; None for what is not there."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


if __name__ == "__main__":
    store, file = sys.argv[1:]
    whole = table_of(from_store(store, Path(file).stem), PlateauRule())
    pq.write_table(whole, file, compression="zstd")
    print(f"{file}: {whole.num_rows} runs, {Path(file).stat().st_size / 1e6:.1f} MB")
