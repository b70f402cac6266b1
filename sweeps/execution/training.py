"""Training one pack: what every executor does, wherever it runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pinn_core.trainer import Member, environment
from pinn_core.trajectory import Trajectory
from sweeps.store.faults import reach
from sweeps.store.results import final_value
from sweeps.store.store import Store
from sweeps.study.plan import Pack, Run, flops

TRAINER = "pinn_core.trainer:train"
"""What trains a pack: a function's module and name."""

NEWS_EVERY = 2.0
"""Seconds between two notes of how far a pack has come."""


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where a pack is trained and what for; plain values alone, so that it travels anywhere."""

    store: str
    """Root of the trajectory store."""
    metric: str
    """Trajectory column whose final value goes back to the driver."""
    progress: str
    """Folder for the notes on how far packs have come."""
    device: str = "cpu"
    """What torch calls the device."""
    threads: int = 1
    """CPU threads for the pack."""
    trainer: str = TRAINER
    """``module:function`` of what trains a pack, looked up where the pack is trained."""


def train_pack(pack: Pack, place: Workplace) -> dict[str, float | None]:
    """Train the runs of a pack that the store lacks and commit them one by one.

    Returns the final value of every run of the pack by run id, None for those that diverged. Raises
    ``DiskFull`` if the store has no room.
    """
    store = Store(place.store)
    held = [run.run_id for run in pack.runs if run.run_id in store]
    missing = [run for run in pack.runs if run.run_id not in held]
    values = {run_id: final_value(store.read(run_id), place.metric) for run_id in held}
    if missing:
        values |= _train(pack.pack_id, missing, store, place)
    return values


def _train(
    pack_id: str, runs: list[Run], store: Store, place: Workplace
) -> dict[str, float | None]:
    work = sum(flops(run.configuration) for run in runs)
    news = _News(Path(place.progress) / f"{pack_id}.json", len(runs), work)
    started = time.time()
    try:
        trajectories = _function(place.trainer)(
            [Member(run.configuration, run.seed) for run in runs],
            device=place.device,
            threads=place.threads,
            progress=news.tell,
        )
    finally:
        news.end()
    seconds = (time.time() - started) / len(runs)
    for run, trajectory in zip(runs, trajectories, strict=True):
        store.commit(
            run,
            trajectory,
            environment=environment(place.device),
            device=place.device,
            threads=place.threads,
            pack_size=len(runs),
            started=started,
            seconds=seconds,
        )
    return {
        run.run_id: final_value(trajectory, place.metric)
        for run, trajectory in zip(runs, trajectories, strict=True)
    }


def _function(path: str) -> Callable[..., list[Trajectory]]:
    """The function that ``module:function`` names."""
    module, _, name = path.partition(":")
    found: Callable[..., list[Trajectory]] = getattr(import_module(module), name)
    return found


class _News:
    """How far a pack has come, in a small file for the display; never a reason to fail."""

    def __init__(self, file: Path, runs: int, work: float) -> None:
        self._file = file
        self._whole = {"runs": runs, "flops": work}
        self._next = time.monotonic() + NEWS_EVERY

    def tell(self, step: int, steps: int) -> None:
        reach(f"in_step:{step}")
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + NEWS_EVERY
        with suppress(OSError):
            self._file.parent.mkdir(exist_ok=True)
            beside = self._file.with_suffix(".part")
            beside.write_text(json.dumps({**self._whole, "step": step, "steps": steps}))
            beside.replace(self._file)

    def end(self) -> None:
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
