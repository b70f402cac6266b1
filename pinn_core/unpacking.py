"""From a pack's record to one trajectory per member: nulls, divergence, the sketch column."""

import numpy as np
import pyarrow as pa
from numpy import ndarray

from pinn_core.recording import Recorder
from pinn_core.trajectory import COLUMNS, SKETCH_TYPE, Trajectory


def trajectories(recorder: Recorder, rows: int) -> list[Trajectory]:
    """Rows 0 to rows - 1 of every member."""
    tables = recorder.columns(rows)
    sketches = recorder.sketches.cpu().numpy()
    every = recorder.record.sketch_every
    return [
        _trajectory({name: table[:, i] for name, table in tables.items()}, sketches[:, i], every)
        for i in range(recorder.members)
    ]


def _trajectory(columns: dict[str, ndarray], sketches: ndarray, every: int) -> Trajectory:
    rows = len(columns["loss/batch"])
    sound = np.isfinite(columns["loss/batch"]) & np.isfinite(columns["update/distance"])
    diverged_at = None if sound.all() else int(np.argmin(sound))
    kept = np.arange(rows) <= (rows if diverged_at is None else diverged_at)
    arrays: dict[str, pa.Array] = {"step": pa.array(np.arange(rows, dtype=np.int32))}
    for name in COLUMNS:
        values = columns[name]
        arrays[name] = pa.array(values, mask=~(kept & np.isfinite(values)))
    arrays["sketch"] = _sketch_column(sketches, every, kept)
    return Trajectory(pa.table(arrays), diverged_at)


def _sketch_column(sketches: ndarray, every: int, kept: ndarray) -> pa.Array:
    cells: list[ndarray | None] = [None] * len(kept)
    for place, step in enumerate(range(0, len(kept), every) if every else ()):
        if kept[step] and np.isfinite(sketches[place]).all():
            cells[step] = sketches[place]
    return pa.array(cells, type=SKETCH_TYPE)
