"""From a pack's record to one trajectory per member: nulls, divergence, the sketch column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from numpy import ndarray

from pinn_core.records.trajectory import (
    LIST_TYPE,
    OBSERVED,
    SKETCH_TYPE,
    Trajectory,
)
from pinn_core.training.recording import Recorder
from pinn_core.training.state import State


def trajectories(
    recorder: Recorder, state: State, steps: int, rows: Sequence[int] | None = None
) -> list[Trajectory]:
    """The first ``steps`` rows of every member's record, or of those in these rows of the state."""
    with np.errstate(all="ignore"):  # after a divergence there is anything
        columns = _columns(recorder, state, steps)
    sketches = state.samples["sketch"].cpu().numpy()
    sampled = recorder.cadences["sketch"].steps(steps)
    chosen = range(len(state.members)) if rows is None else rows
    recorded = [
        _trajectory(
            {name: table[:, i] for name, table in columns.items()},
            sketches[:, i],
            sampled,
            recorder.landscape.cells(state.samples, steps, i),
            partial(recorder.probing.arrays, state.samples, steps, i),
        )
        for i in chosen
    ]
    return recorder.snapshots.attached(recorded, state, chosen)


def pruned(recorder: Recorder, state: State, step: int, rows: Sequence[int]) -> list[Trajectory]:
    """Of members that stop at a recorded step: all up to it, and no update that leaves it."""
    recorder.forget_update(state, step, rows)
    return [
        replace(trajectory, pruned_at=step)
        for trajectory in trajectories(recorder, state, step + 1, rows)
    ]


def latest(recorder: Recorder, state: State, column: str, step: int) -> Float[ndarray, " m"]:
    """A column's value in the last row so far, NaN where there is none."""
    every = recorder.cadences["full"].every
    first = max(step - 1, 0)
    first -= first % every if every else 0  # what is due in the window is due in the whole
    window = replace(
        state,
        sums={name: table[first : step + 1] for name, table in state.sums.items()},
        seconds=state.seconds[first : step + 1],
    )
    with np.errstate(all="ignore"):
        values = _columns(recorder, window, step + 1 - first)[column][-1]
    return np.where(np.isfinite(values), values, np.nan)


def _columns(recorder: Recorder, state: State, rows: int) -> dict[str, Float[ndarray, "rows m"]]:
    """Every column, NaN where nothing was due."""
    sums, members = recorder.numbers(state, rows), len(state.members)
    nothing = np.full((rows, members), np.nan)
    lengths = {name: np.sqrt(sums[name]) for name in ("away", "update")}
    norms = {name: np.sqrt(sums[f"gradient/{name}"]) for name in ("residual", "conditions")}
    before = np.concatenate([nothing[:1], lengths["update"][:-1]])
    losses = {f"loss/{name}": sums.get(name, nothing) for name in recorder.losses}
    weights = {f"weight/{name}": sums.get(f"weight/{name}", nothing) for name in recorder.losses}
    each = {
        f"gradient/norm/{name}": np.sqrt(sums.get(f"gradient/{name}", nothing))
        for name in recorder.others
    }
    found = {
        **losses,
        "error/relative_l2": np.sqrt(sums["error"]),
        OBSERVED: np.sqrt(sums.get(OBSERVED, nothing)),
        "update/norm": lengths["update"],
        "update/cosine": sums["turn"] / (lengths["update"] * before),
        "update/distance": lengths["away"],
        "gradient/cosine": sums["gradient/both"] / (norms["residual"] * norms["conditions"]),
        "gradient/norm_residual": norms["residual"],
        "gradient/norm_boundary": norms["conditions"],
        **weights,
        **each,
        "loss/batch": _weighted(sums, {name: sums[f"term/{name}"] for name in recorder.terms}),
        "loss/total": _weighted(sums, {name: sums[name] for name in recorder.terms}),
        "time/step_seconds": np.tile(state.seconds[:rows, None].numpy(), (1, members)),
        **_full(recorder, sums, rows),
        "held_out/loss/residual": sums["held_out/residual"],
        **_unknowns(recorder, sums),
        **_work(recorder, state, rows),
        **{name: sums[name] for name in recorder.names.get("conflict", ())},
    }
    return {name: found.get(name, nothing) for name in recorder.columns}


def _work(recorder: Recorder, state: State, rows: int) -> dict[str, ndarray]:
    table = state.sums["work"][:rows].cpu().numpy()
    return {f"work/{name}": table[:, number] for number, name in enumerate(recorder.work.names)}


def _unknowns(recorder: Recorder, sums: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """The values of the problem's unknowns, and their errors."""
    found = {}
    for name, unknown in recorder.disc.problem.unknowns.items():
        values = sums[f"unknown/{name}"]
        found[f"unknown/{name}"] = values
        found[f"error/unknown/{name}"] = np.vectorize(unknown.error, otypes=[float])(values)
    return found


def _weighted(sums: Mapping[str, ndarray], losses: Mapping[str, ndarray]) -> ndarray:
    total: ndarray = sum(sums[f"weight/{name}"] * loss for name, loss in losses.items())
    return total


def _full(recorder: Recorder, sums: Mapping[str, ndarray], rows: int) -> dict[str, ndarray]:
    """The columns of the whole grid, which may be those of the row."""
    names = (*recorder.losses, "error")
    full = {name: sums[f"full/{name}"] for name in names if f"full/{name}" in sums}
    cadence = recorder.cadences["full"]
    if recorder.full_is_free and cadence.every:
        due = np.isin(np.arange(rows), cadence.steps(rows))[:, None]
        full = {name: np.where(due, sums[name], np.nan) for name in full}
    error = np.sqrt(full.pop("error"))
    columns = {f"full/loss/{name}": loss for name, loss in full.items()}
    return {**columns, "full/error/relative_l2": error}


def _trajectory(
    columns: dict[str, ndarray],
    sketches: ndarray,
    sampled: range,
    landscape: Mapping[str, Sequence[float | list[float] | None]],
    probed: Callable[[Sequence[bool]], dict[str, pa.Array]],
) -> Trajectory:
    rows = len(columns["loss/batch"])
    sound = np.isfinite(columns["loss/batch"]) & np.isfinite(columns["update/distance"])
    diverged_at = None if sound.all() else int(np.argmin(sound))
    kept = np.arange(rows) <= (rows if diverged_at is None else diverged_at)
    arrays: dict[str, pa.Array] = {"step": pa.array(np.arange(rows, dtype=np.int32))}
    for name, values in columns.items():
        arrays[name] = pa.array(values, mask=~(kept & np.isfinite(values)))
    for name, cells in landscape.items():
        alive = [cell if good else None for cell, good in zip(cells, kept, strict=True)]
        type_ = pa.float64() if name.startswith("curvature/") else LIST_TYPE
        arrays[name] = pa.array(alive, type=type_)
    arrays |= probed(kept.tolist())
    arrays["sketch"] = _sketch_column(sketches, sampled, kept)
    return Trajectory(pa.table(arrays), diverged_at)


def _sketch_column(sketches: ndarray, sampled: range, kept: ndarray) -> pa.Array:
    cells: list[ndarray | None] = [None] * len(kept)
    for sketch, step in zip(sketches, sampled, strict=False):  # rows may end before the steps
        if kept[step] and np.isfinite(sketch).all():
            cells[step] = sketch
    return pa.array(cells, type=SKETCH_TYPE)
