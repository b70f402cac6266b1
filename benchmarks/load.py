"""One study of many recorded runs in this process: what it took, and which part took what."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import recorded
from benchmarks.command import Row, say
from benchmarks.processes import commands, core_seconds, family
from benchmarks.stopwatch import timed
from pinn_core.training.trainer import Member
from sweeps.display.callbacks import Callbacks
from sweeps.execution import launch
from sweeps.search.search import ModelSearch
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from sweeps.study.plan import search_run
from sweeps.study.study import Study, load_study
from sweeps.tracking.publishing import Experiment

PACK = 6
COMMITS = 100
"""How many commits time the store."""
NEWS_EVERY = 30.0
"""Seconds between two lines of progress."""

TEXT = """
name: load
base:
  problem: {kind: heat, points_per_axis: 8, interior_points: 20}
  network: {kind: mlp, width: 8, depth: 2}
  phases: [{kind: adam, steps: 1000}]
models:
  pinn: {objective: {kind: pinn}, space: {phases.0.learning_rate: RATES}}
rerun: {seeds: 1}
"""


def study_of(sampler: str, runs: int, folder: Path) -> Study:
    """A study that searches over so many learning rates, for runs of one shape."""
    rates: object = "{low: 1.0e-4, high: 1.0e-2, log: true}"
    if sampler == "grid":
        rates = [float(rate) for rate in np.geomspace(1e-4, 1e-2, runs)]
    file = folder / "load.yaml"
    file.write_text(TEXT.replace("RATES", str(rates)))
    overrides = (f"search.sampler={sampler}", f"search.runs={runs}", f"resources.pack={PACK}")
    return load_study(str(file), overrides)


def one_study(sampler: str, runs: int) -> Row:
    """Carry out a study in a folder that is gone afterwards.

    Times are wall seconds, memory is this process's resident set in MB (10^6 bytes), which should
    have done nothing before. The report is timed, and not counted.
    """
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        study = study_of(sampler, runs, folder)
        with (
            Path(os.devnull).open("w") as nowhere,
            timed(ModelSearch, "ask", "tell") as search,
            timed(Experiment, "publish") as mlflow,
            timed(launch, "bring_report_up_to_date") as report,
            _watched(runs) as course,
        ):
            console = Console(file=nowhere)
            code = launch.run_study(
                study, runs_dir=folder, console=console, trainer="benchmarks.recorded:train"
            )
            seconds = time.perf_counter() - course.started - report.seconds
        if code != launch.DONE:
            raise RuntimeError(f"a study of {runs} runs ended with exit code {code}")
        files = StudyFolder.of(folder, study.name)
        stored = sum(file.stat().st_size for file in Path(files.store).iterdir())
        database = sum(file.stat().st_size for file in folder.glob("mlflow.db*"))
        return {
            "runs": runs,
            "sampler": sampler,
            "seconds": seconds,
            "runs_per_second": runs / seconds,
            "start_seconds": course.seconds[0],
            "trained_seconds": course.seconds[-1],
            "driver_mb_start": course.megabytes[len(course.megabytes) // 10],
            "driver_mb_end": course.megabytes[-1],
            "kb_per_run": course.kilobytes_per_run(),
            "search_seconds": search.seconds,
            "mlflow_seconds": mlflow.seconds,
            "store_seconds": runs * _commit_seconds(study, files.store),
            "driver_cpu_seconds": time.process_time() - report.cpu,
            "search_cpu_seconds": search.cpu,
            "mlflow_cpu_seconds": mlflow.cpu,
            "gcs_cpu_seconds": course.rays_cpu["gcs_server"],
            "raylet_cpu_seconds": course.rays_cpu["raylet"],
            "report_seconds": report.seconds,
            "store_bytes_per_run": stored / runs,
            "mlflow_bytes_per_run": database / runs,
        }


@dataclass
class Course:
    """Time and memory of this process whenever a run has ended."""

    started: float
    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    rays_cpu: dict[str, float] = field(default_factory=dict)
    """Seconds of a core that Ray's own processes have used when the last run ends."""

    def note(self) -> None:
        """A run has ended."""
        self.seconds.append(time.perf_counter() - self.started)
        self.megabytes.append(resident_megabytes())

    def kilobytes_per_run(self) -> float:
        """The slope of memory over the second half of the runs, when all that is loaded is."""
        half = self.megabytes[len(self.megabytes) // 2 :]
        return 1000 * float(np.polyfit(range(len(half)), half, 1)[0])


@contextmanager
def _watched(runs: int) -> Iterator[Course]:
    """Note the course of a study, and say now and then how far it is."""
    course = Course(time.perf_counter())
    finished = Callbacks.finished
    said = 0.0

    def noted(*event: Any) -> None:  # noqa: ANN401
        nonlocal said
        finished(*event)
        course.note()
        if len(course.seconds) == runs + 1:  # the search, and the rerun of the best
            course.rays_cpu = _rays_core_seconds()
        if course.seconds[-1] > said + NEWS_EVERY:
            said = course.seconds[-1]
            say(f"{len(course.seconds)} of {runs}: {said:.0f} s, {course.megabytes[-1]:.0f} MB")

    Callbacks.finished = noted  # type: ignore[method-assign, assignment]
    try:
        yield course
    finally:
        Callbacks.finished = finished  # type: ignore[method-assign]


def _rays_core_seconds() -> dict[str, float]:
    """Of Ray's own processes that descend from this one, by their programs' names."""
    own = family(os.getpid())
    programs = [Path(os.fsdecode(line.partition(b"\0")[0])).name for line in commands(own)]
    named = list(zip(programs, own, strict=True))
    return {
        name: core_seconds([process for program, process in named if program == name])
        for name in ("gcs_server", "raylet")
    }


def resident_megabytes() -> float:
    """Resident memory of this process, in 10^6 bytes; Linux alone says it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _commit_seconds(study: Study, root: str) -> float:
    """Wall seconds of a commit to this full store, where nothing else goes on."""
    run = search_run(study, "pinn", {"phases.0.learning_rate": 1e-3})
    (trajectory,) = recorded.train([Member(run.configuration, run.seed)])
    store = Store(root)
    started = time.perf_counter()
    for number in range(COMMITS):
        store.commit(
            replace(run, run_id=f"{number:016x}"),
            trajectory,
            environment={},
            device="cpu",
            threads=1,
            pack_size=1,
            started=0.0,
            seconds=0.0,
        )
    return (time.perf_counter() - started) / COMMITS
