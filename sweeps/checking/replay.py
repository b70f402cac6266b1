"""The first steps of committed runs, computed again: what was swapped or altered cannot agree."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import torch

from pinn_core.trainer import Member, environment, train
from pinn_core.trajectory import Manifest, Trajectory
from sweeps.store.store import Store
from sweeps.study.study import configuration_of

LAST_STEP = 2
PACK = 32
"""Runs replayed side by side; on a CPU this changes no bit."""

TOLERANCE = 0.01
"""Relative difference allowed, in losses and update lengths alone, where the machine differs."""

TOLERANT = ("loss/", "error/", "update/norm", "update/distance")

LATER = "work/"
"""Columns that runs of earlier programs lack."""


def replay(store: Store, manifests: Iterable[Manifest]) -> Iterator[tuple[str, str]]:
    """Run id and difference of each run whose steps 0 to 2 do not come out again as stored.

    To the bit where environment and device are those of the manifest, else within ``TOLERANCE``.
    """
    packs: dict[tuple[str, str], list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        shape = configuration_of(manifest.configuration).shape_key()
        packs[shape, manifest.device].append(manifest)
    for pack in packs.values():
        for start in range(0, len(pack), PACK):
            yield from _replay_pack(store, pack[start : start + PACK])


def _replay_pack(store: Store, pack: list[Manifest]) -> Iterator[tuple[str, str]]:
    device = pack[0].device if torch.cuda.is_available() else "cpu"
    members = [Member(configuration_of(one.configuration), one.seed) for one in pack]
    replayed = train(members, device=device, stop_after=LAST_STEP)
    for manifest, again in zip(pack, replayed, strict=True):
        same_machine = (manifest.environment, manifest.device) == (environment(device), device)
        stored = store.read(manifest.run_id)
        difference = _difference(stored, again, exact=same_machine and device == "cpu")
        if difference:
            yield manifest.run_id, difference


def _difference(stored: Trajectory, again: Trajectory, *, exact: bool) -> str | None:
    """The first cell in which a trajectory's first rows differ from their replay, in words."""
    rows = again.table.num_rows
    if stored.pruned_at is not None:
        rows = min(rows, stored.table.num_rows)
    for name in again.table.column_names:
        if name.startswith("time/") or not (exact or name.startswith(TOLERANT)):
            continue
        if name.startswith(LATER) and name not in stored.table.column_names:
            continue
        # the replay makes no update out of its last row, so it cannot know that one
        known = rows - 1 if name in ("update/norm", "update/cosine") else rows
        left = _values(stored.table.column(name).slice(0, known))
        right = _values(again.table.column(name).slice(0, known))
        if len(left) != len(right):
            return f"{name}: {len(left)} rows stored, {len(right)} replayed"
        equal = _equal(left, right, exact=exact)
        if not equal.all():
            step = int(np.argmin(equal))
            cells = f"stored {_cell(left, step)}, replayed {_cell(right, step)}"
            return f"{name} at step {step}: {cells}"
    return None


def _values(column: pa.ChunkedArray) -> np.ndarray:
    """One row of numbers for each row of the column, null as NaN."""
    if pa.types.is_list(column.type):
        rows = column.to_pylist()
        missing = [np.nan] * max((len(row) for row in rows if row is not None), default=1)
        return np.array([missing if row is None else row for row in rows])
    return np.asarray(column.to_numpy(), dtype=float)[:, None]


def _equal(left: np.ndarray, right: np.ndarray, *, exact: bool) -> np.ndarray:
    """Which rows agree; NaN equals NaN."""
    close = np.isclose(left, right, rtol=0 if exact else TOLERANCE, atol=0, equal_nan=True)
    return np.asarray(close.all(axis=1))


def _cell(rows: np.ndarray, step: int) -> str:
    return "null" if np.isnan(rows[step, 0]) else repr(float(rows[step, 0]))
