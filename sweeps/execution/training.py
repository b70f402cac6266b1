"""Training one pack: what every executor does, wherever it runs."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter, deque
from contextlib import suppress
from functools import partial
from math import ceil
from pathlib import Path

from pinn_core.plugins import place_in_plugin
from pinn_core.records.trajectory import Trajectory
from pinn_core.training.checkpoint import Checkpointing, every_seconds
from pinn_core.training.footprint import most_members
from pinn_core.training.memory import is_exhausted, release
from pinn_core.training.operations import flops
from pinn_core.training.pruning import Pruning
from pinn_core.training.returned import WrongReturn
from pinn_core.training.trainer import Member, environment
from sweeps.errors import StudyError
from sweeps.execution.context import FailsAgain, WorkerContext, trainer_at
from sweeps.execution.pruning import pruning_of
from sweeps.store.checkpoints import StoredCheckpoint
from sweeps.store.faults import reach
from sweeps.store.observed import load_observations
from sweeps.store.results import Outcome, outcome_of
from sweeps.store.store import Store
from sweeps.study.plan import PackPlan, Run

log = logging.getLogger(__name__)

CHECKPOINT_EVERY = 300.0
"""Seconds of training between two checkpoints: what a worker's death costs at most."""

NEWS_EVERY = 1.0
"""Seconds between two notes of how far a pack has come."""


class TooLarge(FailsAgain, MemoryError):
    """One run alone does not fit into memory."""


def train_pack(pack: PackPlan, context: WorkerContext) -> dict[str, Outcome]:
    """Train the runs of a pack that the store lacks and commit them one by one.

    A pack for which memory is too small is trained in parts, down to single runs: it changes no
    number on a CPU, and the manifests say what was trained together. Returns what every run of the
    pack reached, by run id. Raises ``CannotWrite`` if the store
    has no room, ``FailsAgain`` where another try would be in vain: no memory for one run alone, an
    error in a plugin, or data that are gone.
    """
    store = Store(context.store)
    held = [run.run_id for run in pack.runs if run.run_id in store]
    missing = [run for run in pack.runs if run.run_id not in held]
    values: dict[str, Outcome] = {
        run_id: outcome_of(store.read(run_id), context.judged_by) for run_id in held
    }
    if missing:
        _load_observations(missing, store)
        values |= _train(pack.pack_id, missing, store, context)
    return values


def _load_observations(runs: list[Run], store: Store) -> None:
    try:
        load_observations(store.root, (run.configuration for run in runs))
    except StudyError as error:
        raise FailsAgain(str(error)) from None


def _train(
    pack_id: str, runs: list[Run], store: Store, context: WorkerContext
) -> dict[str, Outcome]:
    """Train and commit runs of one shape, as many at a time as memory has room for."""
    news = _News(Path(context.progress) / f"{pack_id}.json", runs)
    values: dict[str, Outcome] = {}
    waiting = deque(_parts(runs, _most(runs, context)))
    try:
        while waiting:
            part = waiting.popleft()
            started, clock = time.time(), time.perf_counter()
            checkpointing = _checkpointing(part, context)
            pruning = pruning_of(part, store, context.pruner, context.judged_by)
            trajectories = _train_together(part, context, checkpointing, pruning, news)
            if trajectories is None:
                waiting.extendleft(reversed(_parts(part, ceil(len(part) / 2))))
                continue
            seconds = time.perf_counter() - clock  # the time of day may jump meanwhile
            _commit(part, trajectories, store, context, started, seconds / len(part))
            checkpointing.clear()
            news.trained += len(part)
            reached = [outcome_of(trajectory, context.judged_by) for trajectory in trajectories]
            values |= zip((run.run_id for run in part), reached, strict=True)
    finally:
        news.end()
    return values


def _most(runs: list[Run], context: WorkerContext) -> int:
    """How many of the runs fit into memory together, as far as that can be known before."""
    if len(runs) == 1:
        return 1
    most = most_members(runs[0].configuration, context.device, context.memory)
    return len(runs) if most is None else most


def _parts(runs: list[Run], most: int) -> list[list[Run]]:
    """The runs in order, in as few parts of about one size as hold at most so many each."""
    size = ceil(len(runs) / ceil(len(runs) / most))
    return [runs[start : start + size] for start in range(0, len(runs), size)]


def _checkpointing(runs: list[Run], context: WorkerContext) -> Checkpointing:
    kept = StoredCheckpoint(context.store, [run.run_id for run in runs])
    return Checkpointing(kept, every_seconds(CHECKPOINT_EVERY))


def _train_together(
    runs: list[Run],
    context: WorkerContext,
    checkpointing: Checkpointing,
    pruning: Pruning | None,
    news: _News,
) -> list[Trajectory] | None:
    """Train runs side by side; None if there is no memory for so many.

    Raises ``TooLarge`` if there is none for one alone.
    """
    try:
        for run in runs:
            reach(f"in_run:{run.run_id}")
        return trainer_at(context.trainer)(
            [Member(run.configuration, run.seed) for run in runs],
            device=context.device,
            threads=context.threads,
            progress=partial(news.tell, len(runs)),
            checkpointing=checkpointing,
            **({"pruning": pruning} if pruning else {}),
        )
    except Exception as error:
        if not is_exhausted(error):
            if isinstance(error, WrongReturn):
                raise FailsAgain(str(error)) from error
            if place_there := place_in_plugin(error):
                raise FailsAgain(f"{place_there}: {type(error).__name__}: {error}") from error
            raise
        if len(runs) == 1:
            raise TooLarge(_too_large(runs[0], context.device)) from error
        log.warning("%d runs do not fit into memory: in halves (%s)", len(runs), error)
    release(
        context.device
    )  # not above: while it is handled, the error holds the training's tensors
    return None


def _commit(
    runs: list[Run],
    trajectories: list[Trajectory],
    store: Store,
    context: WorkerContext,
    started: float,
    seconds: float,
) -> None:
    for run, trajectory in zip(runs, trajectories, strict=True):
        store.commit(
            run,
            trajectory,
            environment=environment(context.device),
            device=context.device,
            threads=context.threads,
            pack_size=len(runs),
            started=started,
            seconds=seconds,
        )


def _too_large(run: Run, device: str) -> str:
    plain = run.configuration
    widths = plain.stack().widths
    points = sum(plain.problem.grid_size)
    return (
        f"run {run.run_id} alone does not fit into the memory of {device}: width {max(widths)}, "
        f"depth {len(widths) - 2}, batch {plain.objective.batch} of a grid of {points} points; "
        "make one of them smaller, or take a machine with more memory"
    )


class _News:
    """How far a pack has come, in a small file for the display; an error in writing it is ignored.

    ``trained`` counts the runs that are committed.
    """

    def __init__(self, file: Path, runs: list[Run]) -> None:
        self.trained = 0
        self._file = file
        self._runs, self._work = len(runs), sum(flops(run.configuration) for run in runs)
        self._models = Counter(run.model for run in runs)
        self._next = time.monotonic()

    def tell(self, members: int, step: int, steps: int) -> None:
        """So many runs, which train together, have made so many of their steps."""
        reach(f"in_step:{step}")
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + NEWS_EVERY
        note = {
            "runs": self._runs,
            "models": self._models,
            "flops": self._work,
            "step": self.trained * steps + members * step,
            "steps": self._runs * steps,
        }
        with suppress(OSError):
            self._file.parent.mkdir(exist_ok=True)
            beside = self._file.with_suffix(".part")
            beside.write_text(json.dumps(note))
            beside.replace(self._file)

    def end(self) -> None:
        """The pack is done, or given up."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
