"""Short trainings that measure how fast this machine trains the packs of a study."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pinn_core.configuration import Configuration, Record
from pinn_core.plugins import load_shipped
from sweeps.execution.speed import Speed, kind_of, work_of
from sweeps.store.observed import keep_observations, load_observations
from sweeps.study.plan import PackPlan, Run

if TYPE_CHECKING:
    from pinn_core.training.trainer import Member

KINDS = 24
"""Kinds of packs that are measured at most."""
SECONDS = 12.0
"""How long all measurements of a study should take together."""
LEAST, LONGEST = 0.4, 2.0
"""Seconds between which one measurement lasts, if a few updates do."""
WINDOWS = (400, 200, 100, 50, 25, 10, 5, 2)
"""Updates that a measurement has: the most for which there is time."""
WARM = 1
"""Updates that are trained before; then everything has been made that is made once."""


@dataclass(frozen=True)
class _Job:
    """What one process measures, as plain data that travels."""

    packs: list[list[dict[str, Any]]]
    plugins: list[dict[str, Any]]
    data: str
    device: str
    threads: int
    seconds: float


def chosen(packs: Sequence[PackPlan]) -> list[PackPlan]:
    """A pack of each kind, the kinds with the most operations first; of many kinds some.

    Half of these are the costliest, the others lie evenly between the shortest and the longest.
    """
    kinds: dict[str, list[PackPlan]] = {}
    for pack in packs:
        kinds.setdefault(kind_of(pack), []).append(pack)
    ranked = sorted(kinds.values(), key=lambda alike: -sum(pack.flops for pack in alike))
    costly, others = ranked[: KINDS // 2], ranked[KINDS // 2 :]
    if len(ranked) <= KINDS:
        return [alike[0] for alike in ranked]
    others.sort(key=lambda alike: work_of(alike[0]))
    places = range(KINDS - len(costly))
    even = [others[place * (len(others) - 1) // max(places[-1], 1)] for place in places]
    return [alike[0] for alike in (*costly, *even)]


def measure(
    packs: Sequence[PackPlan],
    processes: int,
    device: str,
    threads: int,
    plugins: Sequence[dict[str, Any]] = (),
) -> list[Speed]:
    """Train a little of each pack in so many processes at once, as in a study, and time it.

    Each process measures all of them; what is returned is the mean.
    """
    phases = sum(len(pack.runs[0].configuration.phases) for pack in packs)
    with TemporaryDirectory(prefix="pinn-sweep-") as data:
        keep_observations(data, [run.configuration for pack in packs for run in pack.runs])
        job = _Job(
            [[run.to_dict() for run in pack.runs] for pack in packs],
            list(plugins),
            data,
            device,
            threads,
            min(LONGEST, max(LEAST, SECONDS / max(phases, 1))),
        )
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            measured = list(pool.map(_measure_all, [job] * processes))
    return [
        Speed(
            kind_of(pack),
            work_of(pack),
            fmean(times.update for times in of_pack),
            fmean(times.setup for times in of_pack),
            fmean(times.first for times in of_pack),
        )
        for pack, of_pack in zip(packs, zip(*measured, strict=True), strict=True)
    ]


@dataclass(frozen=True)
class _Times:
    """Seconds of an update, of what a pack takes before, and its first time besides."""

    update: float
    setup: float
    first: float


def _measure_all(job: _Job) -> list[_Times]:
    """In a process of its own: measure one pack after the other."""
    for plugin in job.plugins:
        load_shipped(plugin)
    packs = [[Run.from_dict(run) for run in runs] for runs in job.packs]
    load_observations(job.data, (run.configuration for runs in packs for run in runs))
    return [_measure(runs, job) for runs in packs]


def _measure(runs: Sequence[Run], job: _Job) -> _Times:
    """A pack, phase by phase."""
    configurations = [run.configuration for run in runs]
    first = configurations[0]
    total, setup, once = 0.0, 0.0, 0.0
    for place, phase in enumerate(first.phases):
        members = [replace(each, phases=(each.phases[place],)) for each in configurations]
        seconds, made, made_once = _time(members, [run.seed for run in runs], job)
        total += first.stages.count * phase.steps * seconds
        setup, once = max(setup, made), max(once, made_once)
    return _Times(total / first.steps, setup, once)


def _time(
    configurations: Sequence[Configuration], seeds: Sequence[int], job: _Job
) -> tuple[float, float, float]:
    """Seconds of an update, of a pack before its first, and of the first pack besides."""
    from pinn_core.training.trainer import Member

    def train(record: Record, updates: int) -> float:
        recorded = (replace(each, record=record) for each in configurations)
        members = [Member(each, seed) for each, seed in zip(recorded, seeds, strict=True)]
        return _train(members, updates, job)

    record, steps = configurations[0].record, configurations[0].steps
    nothing = _recording(record, ())
    cold = train(nothing, WARM)
    warm = train(nothing, WARM)
    rough = max(train(nothing, WARM + 2) - warm, 1e-6) / 2
    most = min(steps - WARM, int(job.seconds / rough))
    window = next((each for each in WINDOWS if each <= most), max(most, 1))
    often = [name for name, every in _cadences(record).items() if window % every == 0]
    before = min(train(_recording(record, often), WARM) for _ in range(2))
    update = max(train(_recording(record, often), WARM + window) - before, 1e-9) / window
    for name, every in _cadences(record).items():
        if name not in often:  # the first row has it: what it takes there, it takes each time
            once = min(train(_recording(record, [name]), WARM) for _ in range(2))
            update += max(0.0, once - warm) * (steps // every + 1) / steps
    return update, max(0.0, before - WARM * update), max(0.0, cold - warm)


def _train(members: Sequence[Member], updates: int, job: _Job) -> float:
    """Seconds that so many updates take, with all that is before and after."""
    from pinn_core.training.trainer import train

    clock = time.perf_counter()
    train(members, device=job.device, threads=job.threads, stop_after=updates)
    return time.perf_counter() - clock


def _cadences(record: Record) -> dict[str, int]:
    """What is recorded now and then, by name, and after how many updates it comes again."""
    fields = {name: every for name, every in vars(record).items() if name.endswith("_every")}
    probes = {probe.kind: probe.every for probe in record.probes}
    return {name: every for name, every in {**fields, **probes}.items() if every}


def _recording(record: Record, names: Sequence[str]) -> Record:
    """Of what is recorded now and then, that of these names alone."""
    cadences: dict[str, Any] = {
        name: every if name in names else 0
        for name, every in vars(record).items()
        if name.endswith("_every")
    }
    probes = tuple(probe for probe in record.probes if probe.kind in names)
    return replace(record, **cadences, probes=probes, fields="none", parameters="none")
