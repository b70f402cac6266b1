"""Several publishers at a time: each a process with a store and an experiment of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from threading import BrokenBarrierError
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import recorded
from benchmarks.command import Row
from benchmarks.load import study_of
from pinn_core.training.trainer import Member
from sweeps.checking.verify_tracking import tracking_problems
from sweeps.store.store import Store
from sweeps.study.plan import search_run
from sweeps.study.study import Study
from sweeps.tracking import rows
from sweeps.tracking.publishing import Experiment
from sweeps.tracking.tracking import Publisher

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Barrier

READY_WITHIN = 300.0
"""Seconds that all publishers together have to get ready."""


def publish_together(uri: str, folder: Path, publishers: int, runs: int, database: str) -> Row:
    """So many publishers at once, each with so many runs of 1 000 steps; then all is verified.

    ``database`` is the address, perhaps behind that of a server, where it is looked at.

    ``interruptions`` counts how often a publisher found MLflow unreachable, ``failed`` the runs
    given up, ``wrong`` what verification finds: lost, twice, unfinished or altered.
    """
    stores = [filled(folder / str(number), runs) for number in range(publishers)]
    first, store = stores[0]
    Experiment(uri, store, first)  # makes the tables, which no two processes should do at once
    spawned = get_context("spawn")
    ready, told = spawned.Barrier(publishers + 1), spawned.SimpleQueue()
    processes = [
        spawned.Process(target=_publish, args=(uri, store.root, study, ready, told))
        for study, store in stores
    ]
    seconds = _seconds(processes, ready)
    answers = [told.get() for _ in processes]
    metrics = publishers * _metric_rows(*stores[0])
    return {
        "publishers": publishers,
        "runs": publishers * runs,
        "rows": metrics,
        "seconds": seconds,
        "runs_per_second": publishers * runs / seconds,
        "rows_per_second": metrics / seconds,
        "interruptions": sum(interruptions for interruptions, _ in answers),
        "failed": sum(failed for _, failed in answers),
        "wrong": sum(len(problems(database, *each)) for each in stores),
    }


def _seconds(processes: Sequence[BaseProcess], ready: Barrier) -> float:
    """From when all processes are ready to the end of the last; raises if one ends badly."""
    for process in processes:
        process.start()
    with suppress(BrokenBarrierError):
        ready.wait(READY_WITHIN)
    started = time.perf_counter()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - started
    if any(process.exitcode for process in processes):
        raise RuntimeError("a publisher ended with an error")
    return seconds


def publish_shares(uri: str, folder: Path, publishers: int, together: int, runs: int) -> Row:
    """One study, published by so many processes, each its share, ``together`` runs at a time.

    The first run is published before, which makes the parent runs: no two processes should do that
    at once. ``cpu_seconds`` is of all publishers, from their first run to their last.
    """
    study, store = filled(folder, runs)
    first, *others = sorted(store.committed())
    experiment = Experiment(uri, store, study)
    experiment.publish([first])
    spawned = get_context("spawn")
    ready, told = spawned.Barrier(publishers + 1), spawned.SimpleQueue()
    shares = [others[number::publishers] for number in range(publishers)]
    processes = [
        spawned.Process(
            target=_publish_share, args=(uri, store.root, study, share, together, ready, told)
        )
        for share in shares
    ]
    seconds = _seconds(processes, ready)
    experiment.finish()
    return {
        "seconds": seconds,
        "cpu_seconds": sum(told.get() for _ in processes),
        "wrong": len(problems(uri, study, store)),
    }


def _publish_share(
    uri: str,
    root: str,
    study: Study,
    share: Sequence[str],
    together: int,
    ready: Barrier,
    told: SimpleQueue[float],
) -> None:
    """The life of one of several publishers; tells the seconds of a core that it took."""
    experiment = Experiment(uri, Store(root), study)
    ready.wait(READY_WITHIN)
    begun = time.process_time()
    for start in range(0, len(share), together):
        experiment.publish(share[start : start + together])
    told.put(time.process_time() - begun)


def filled(folder: Path, runs: int) -> tuple[Study, Store]:
    """A study and its store, with so many committed runs."""
    folder.mkdir(parents=True)
    plain = study_of("random", runs, folder)
    study = plain.model_copy(update={"name": f"load-{folder.parent.name}-{folder.name}"})
    store = Store(str(folder / "store"))
    for number, rate in enumerate(np.geomspace(1e-4, 1e-2, runs)):
        run = search_run(study, "pinn", {"phases.0.learning_rate": float(rate)})
        (trajectory,) = recorded.train([Member(run.configuration, run.seed)])
        facts: dict[str, Any] = {"environment": {}, "device": "cpu", "threads": 1, "pack_size": 1}
        store.commit(run, trajectory, **facts, started=1.7e9 + number, seconds=1.0)
    return study, store


def _publish(
    uri: str, root: str, study: Study, ready: Barrier, told: SimpleQueue[tuple[int, int]]
) -> None:
    """The life of a publisher; tells interruptions and failures."""
    import mlflow  # noqa: F401  # takes seconds that are not the database's

    said: list[str] = []
    publisher = Publisher(uri, Store(root), study, said.append)
    ready.wait(READY_WITHIN)
    publisher.start()
    publisher.finish()
    publisher.close()
    told.put((sum("unreachable" in line for line in said), len(publisher.failed)))


def _metric_rows(study: Study, store: Store) -> int:
    return sum(
        len(rows.metrics(manifest, store.read(manifest.run_id), study.analysis.plateau))
        for manifest in store.manifests()
    )


def problems(uri: str, study: Study, store: Store) -> Sequence[object]:
    """What differs between MLflow and the store."""
    return list(tracking_problems(uri, study.name, store, store.manifests()))
