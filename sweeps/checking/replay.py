"""The first steps of committed runs, computed again: a swapped or altered run does not agree."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import torch

from pinn_core.configuration import Configuration
from pinn_core.cores import usable_cores
from pinn_core.numerics import changed, numerics, sources
from pinn_core.records.trajectory import Manifest, Trajectory
from pinn_core.training.trainer import Member, environment, train
from sweeps.store.observed import load_observations
from sweeps.store.store import Store
from sweeps.study.study import configuration_of

LAST_STEP = 2
PACK = 32
"""Runs replayed side by side; on a CPU this changes no bit."""

TOLERANCE = 0.01
"""Relative difference allowed, in losses and update lengths alone, where the machine differs."""

TOLERANT = ("loss/", "error/", "update/norm", "update/distance")

OF_THE_UPDATE = ("update/norm", "update/cosine", "conflict/")
"""Columns that describe the update out of a row."""


EXACTLY, LEFT_OUT = "replayed to the bit", "not replayed"


@dataclass(frozen=True)
class Replay:
    """What came out when runs were computed again.

    ``differences`` has, by run id, the first cell of each run that did not come out as stored.
    ``counts`` says how the runs were compared: how many to the bit, and for each reason how many
    less closely or not at all.
    """

    differences: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


Tell = Callable[[int, int], None]
"""Hears how many of how many runs are computed again."""


def replay(store: Store, manifests: Iterable[Manifest], tell: Tell | None = None) -> Replay:
    """Compute steps 0 to 2 of runs again, on all cores, and compare them with what is stored.

    To the bit where numerics, environment and device are those of the manifest; within
    ``TOLERANCE`` where only the environment or the device differs; a run of other numerics, which
    would come out otherwise, is left out.
    """
    result = Replay()
    packs: dict[tuple[str, str, str], list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        manner = manner_of(manifest)
        result.counts[manner] += 1
        if not manner.startswith(LEFT_OUT):
            shape = configuration_of(manifest.configuration).shape_key()
            packs[shape, manifest.device, manner].append(manifest)
    done, total = 0, sum(map(len, packs.values()))
    for (_, _, manner), pack in packs.items():
        for start in range(0, len(pack), PACK):
            part = pack[start : start + PACK]
            result.differences.update(_replay_pack(store, part, exact=manner == EXACTLY))
            done += len(part)
            if tell:
                tell(done, total)
    return result


def manner_of(manifest: Manifest) -> str:
    """How closely a run can be repeated here, in words: ``EXACTLY``, or they say why not."""
    today = numerics(manifest.configuration, manifest.environment.get("backend", ""))
    older = changed(manifest.numerics, today)
    if older:
        listed = ", ".join(f"{name} {was}, now {now}" for name, (was, now) in older.items())
        return f"{LEFT_OUT}: the arithmetic has changed since ({listed})"
    other = [
        part
        for part, now in sources(manifest.configuration).items()
        if manifest.plugins.get(part) != now
    ]
    if other:
        return f"{LEFT_OUT}: the code of a plugin has changed since ({', '.join(other)})"
    here = environment(device_of(manifest))
    differing = [name for name in here if _differs(name, manifest.environment, here)]
    if manifest.device != device_of(manifest):
        differing.append("device")
    if differing:
        return f"replayed within {TOLERANCE:.0%}: another {', '.join(differing)} made them"
    return EXACTLY if manifest.device == "cpu" else f"replayed within {TOLERANCE:.0%}: on a GPU"


def _differs(name: str, there: Mapping[str, str], here: Mapping[str, str]) -> bool:
    """Whether its version may change bits; that of our own code is told by its numerics."""
    return name != "pinn-sweeps" and there.get(name) != here[name]


def without_fields(configuration: Configuration) -> Configuration:
    """The same training, which leaves no fields."""
    return replace(configuration, record=replace(configuration.record, fields="none"))


def device_of(manifest: Manifest) -> str:
    """Where a run is computed again: on the kind of device that made it, if there is one here."""
    return manifest.device if torch.cuda.is_available() else "cpu"


def _replay_pack(store: Store, pack: list[Manifest], *, exact: bool) -> dict[str, str]:
    """The first difference of each run of the pack that has one."""
    members = [
        Member(without_fields(configuration_of(one.configuration)), one.seed) for one in pack
    ]
    load_observations(store.root, (member.configuration for member in members))
    device, threads = device_of(pack[0]), usable_cores()  # threads change no bit
    replayed = train(members, device=device, threads=threads, stop_after=LAST_STEP)
    differences = {
        manifest.run_id: first_difference(store.read(manifest.run_id), again, exact=exact)
        for manifest, again in zip(pack, replayed, strict=True)
    }
    return {run_id: words for run_id, words in differences.items() if words}


def first_difference(
    stored: Trajectory, again: Trajectory, *, exact: bool, ended: bool = True
) -> str | None:
    """The first cell in which a trajectory's first rows differ from their replay, in words.

    Columns that a later program records besides are not compared. Where the replay ``ended`` with
    its last row, that row knows nothing of an update out of it.
    """
    rows = again.table.num_rows
    if stored.pruned_at is not None:
        rows = min(rows, stored.table.num_rows)
    for name in stored.table.column_names:
        if name.startswith("time/") or not (exact or name.startswith(TOLERANT)):
            continue
        if name not in again.table.column_names:
            return f"{name}: stored, but not made again"
        known = rows - 1 if ended and name.startswith(OF_THE_UPDATE) else rows
        if known == 0:
            continue
        left = _values(stored.table.column(name).slice(0, known))
        right = _values(again.table.column(name).slice(0, known))
        if len(left) != len(right):
            return f"{name}: {len(left)} rows stored, {len(right)} replayed"
        equal = _equal(left, right, exact=exact)
        if not equal.all():
            row = int(np.argmin(equal))
            cells = f"stored {_cell(left, row)}, replayed {_cell(right, row)}"
            return f"{name} at step {stored.table['step'][row]}: {cells}"
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


def _cell(rows: np.ndarray, row: int) -> str:
    return "null" if np.isnan(rows[row, 0]) else repr(float(rows[row, 0]))
