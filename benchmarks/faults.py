"""Faults under load: a study of many runs whose workers are killed again and again.

Everything but training is real, as in the table of the control plane; every 20 seconds one of the
study's workers gets SIGKILL. Afterwards the store is compared with the plan, every trajectory with
the one of a run that nothing disturbed, and MLflow with the store.

Rows: runs, rows (of MLflow's curves), seconds, kills, recoveries (of each pack that was lost, the
seconds from the kill until its last run is committed), lost (planned and not committed), twice
(committed a second time with another result, or not just once in MLflow), altered (with another
digest than the undisturbed run's).
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from benchmarks import recorded
from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.load import study_of
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from benchmarks.processes import commands, family
from benchmarks.targets import Target
from pinn_core.training.trainer import Member
from sweeps.checking.verify_tracking import tracking_problems
from sweeps.display.callbacks import Callbacks
from sweeps.execution import launch
from sweeps.search.planned import planned_runs
from sweeps.store.folder import StudyFolder
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.plan import PackPlan, Run
from sweeps.study.study import Study
from sweeps.tracking import rows
from sweeps.tracking.tracking import default_tracking_uri

QUICK, FULL = (60, 5.0), (2000, 20.0)
"""Runs, and seconds between two kills."""
WORKER = b"ray::ResourceTrainable"
"""How the command line of a worker starts that has a pack, or has had one: Tune's wrapper."""


def measure(quick: bool) -> Measured:
    """One row."""
    runs, pause = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        study = study_of("random", runs, folder)
        started = time.perf_counter()
        with (folder / "screen.txt").open("w") as screen, _killing(pause) as course:
            code = launch.run_study(
                study,
                runs_dir=folder,
                console=Console(file=screen),
                trainer="benchmarks.recorded:train",
            )
        seconds = time.perf_counter() - started
        if code != launch.DONE:
            raise RuntimeError(f"the study ended with exit code {code}")
        return [
            {
                "runs": runs,
                "seconds": seconds,
                "kills": len(course.kills),
                "recoveries": [round(one, 2) for one in course.recoveries],
                **_held(study, folder),
            }
        ]


def _held(study: Study, folder: Path) -> Row:
    """What store and MLflow hold of the study, and what is wrong with it."""
    files = StudyFolder.of(folder, study.name)
    store = Store(files.store)
    results = Results.sound(store, study.metric, files.passed_over)
    planned = {
        run.run_id: run
        for plan in planned_runs(study, store, results).values()
        for run in plan.search + plan.rerun
    }
    manifests = store.manifests()
    committed = {manifest.run_id for manifest in manifests}
    problems = list(tracking_problems(default_tracking_uri(folder), study.name, store, manifests))
    for _, problem in problems:
        say(problem)
    one = manifests[0]
    curve = len(rows.metrics(one, store.read(one.run_id), study.analysis.plateau))
    return {
        "rows": len(manifests) * curve,
        "lost": len(planned.keys() - committed),
        "twice": len(store.conflicts()) + len(problems),
        "altered": sum(one.digest != _undisturbed(planned[one.run_id]) for one in manifests),
    }


def _undisturbed(run: Run) -> str:
    """The digest of the run's trajectory where nothing goes wrong."""
    (trajectory,) = recorded.train([Member(run.configuration, run.seed)])
    return trajectory.digest()


@dataclass
class Course:
    """When a worker was killed, and how long the pack that it had took from then on."""

    kills: list[float] = field(default_factory=list)
    waiting: dict[str, tuple[float, set[str]]] = field(default_factory=dict)
    recoveries: list[float] = field(default_factory=list)

    def retried(self, pack: PackPlan) -> None:
        """The pack of a killed worker is tried again."""
        if self.kills:
            runs = {run.run_id for run in pack.runs}
            self.waiting.setdefault(pack.pack_id, (self.kills[-1], runs))

    def finished(self, run: Run) -> None:
        """A run is committed."""
        for name, (killed, runs) in list(self.waiting.items()):
            runs.discard(run.run_id)
            if not runs:
                self.recoveries.append(time.perf_counter() - killed)
                del self.waiting[name]


@contextmanager
def _killing(pause: float) -> Iterator[Course]:
    """Kill a worker of this process every so many seconds, and note what follows."""
    course, over = Course(), threading.Event()
    finished, retried = Callbacks.finished, Callbacks.retried
    chance = random.Random(0)

    def kill() -> None:
        while not over.wait(pause):
            processes = family(os.getpid())
            found = zip(processes, commands(processes), strict=True)
            workers = [int(one.name) for one, command in found if command.startswith(WORKER)]
            if workers:
                course.kills.append(time.perf_counter())
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(workers), signal.SIGKILL)
                say(f"kill {len(course.kills)}")

    def on_finished(self: Callbacks, run: Run, *rest: Any) -> None:  # noqa: ANN401
        finished(self, run, *rest)
        course.finished(run)

    def on_retried(self: Callbacks, pack: PackPlan, *rest: Any) -> None:  # noqa: ANN401
        retried(self, pack, *rest)
        course.retried(pack)

    Callbacks.finished, Callbacks.retried = on_finished, on_retried  # type: ignore[method-assign, assignment]
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield course
    finally:
        over.set()
        thread.join()
        Callbacks.finished, Callbacks.retried = finished, retried  # type: ignore[method-assign]


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    names = {
        "runs": "runs",
        "rows": "rows in MLflow",
        "seconds": "time (s)",
        "kills": "workers killed",
        "packs": "packs lost and done again",
        "median": "recovery, median (s)",
        "most": "recovery, longest (s)",
        "lost": "runs lost",
        "twice": "twice",
        "altered": "altered",
    }
    table = [
        {
            **row,
            "packs": len(row["recoveries"]),
            "median": median(row["recoveries"]) if row["recoveries"] else None,
            "most": max(row["recoveries"], default=None),
        }
        for row in result["rows"]
    ]
    return f"""\
A study with a trainer that returns at once, through Ray, store and MLflow; every 20 seconds one of
its workers gets SIGKILL. Recovery is the time from the kill until the pack that the worker had is
complete. Lost, twice and altered are what the comparison with plan, store, MLflow and the
trajectories of undisturbed runs finds afterwards.

{markdown_table(table, names)}"""


def targets(result: Result) -> list[Target]:
    """Nothing lost, nothing twice, nothing altered."""
    (row,) = result["rows"]
    return [
        Target(f"{row['runs']} runs with a worker killed every 20 s: {what}", 0, row[what], False)
        for what in ("lost", "twice", "altered")
    ]


def figure(result: Result, file: Path) -> None:
    """How long each lost pack took to be complete."""
    seconds = [one for row in result["rows"] for one in row["recoveries"]]
    with subplots(1) as (canvas, (axis,)):
        axis.bar(range(1, len(seconds) + 1), seconds, color=PALETTE[1])
        axis.set(xlabel="lost pack", ylabel="recovery (s)", ylim=(0, None))
        saved(canvas, file)


if __name__ == "__main__":
    main("faults", measure)
