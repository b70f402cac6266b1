"""The control plane: studies of many runs with a trainer that returns at once.

Everything but training is real: Ray and its workers, the store with its syncs, Optuna, and MLflow
on SQLite with curves and artifacts. A run is a recorded trajectory of 1 000 steps, packs are of 6.

Rows: runs, sampler, seconds (start to end, without the report), runs_per_second, start_seconds (to
the first run's end), trained_seconds (to the last run's end), driver_mb_start (at a tenth of the
runs), driver_mb_end, kb_per_run (the driver's growth over the second half of the runs),
search_seconds, mlflow_seconds, store_seconds (as many commits to that store by a process that does
nothing else), driver_cpu_seconds (of a core, without the report), search_cpu_seconds and
mlflow_cpu_seconds (parts of these), gcs_cpu_seconds and raylet_cpu_seconds (Ray's own processes),
report_seconds, store_bytes_per_run, mlflow_bytes_per_run.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.load import one_study
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, plain_log, saved, subplots
from benchmarks.targets import Target

QUICK = (("random", 60), ("random", 200))
FULL = (
    ("random", 200),
    ("random", 2000),
    ("tpe", 200),
    ("tpe", 2000),
    ("grid", 200),
    ("qmc", 200),
    ("random", 20_000),
    ("tpe", 20_000),
)
STUDY = {
    "action": "append",
    "metavar": "SAMPLER:RUNS",
    "help": "only this study, such as tpe:2000; may be given several times",
}
LONG = 5000
"""Runs from which on the driver's growth can be told from what it needs once."""
REFERENCE = "random"
"""The sampler by which the others' growth is told, as it costs least."""


def measure(quick: bool, study: Sequence[str] | None = None) -> Measured:
    """A row for each study, every one in a new process; of ``study``, those studies alone."""
    rows = []
    for sampler, runs in map(_named, study) if study else QUICK if quick else FULL:
        say(f"{runs} runs, {sampler}")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            rows.append(fresh.submit(one_study, sampler, runs).result())
    reference = [row for row in rows if row["sampler"] == REFERENCE]
    if len(reference) < 2:
        return rows
    return rows, [
        f"Growth: the seconds after the first run's end grow with the number of runs to the power"
        f" of {growth_exponent(reference):.2f}."
    ]


def _named(study: str) -> tuple[str, int]:
    """Sampler and runs, of such as ``tpe:2000``."""
    sampler, _, runs = study.partition(":")
    return sampler, int(runs)


def growth_exponent(rows: list[Row]) -> float:
    """The slope of log seconds over log runs; what passes before the first run ends is left out."""
    runs = [row["runs"] for row in rows]
    seconds = [row["seconds"] - row["start_seconds"] for row in rows]
    return float(np.polyfit(np.log(runs), np.log(seconds), 1)[0])


def section(result: Result) -> str:
    """The tables in words and numbers, for the page."""
    rows = [_readable(row) for row in result["rows"]]
    total = {
        "runs": "runs",
        "sampler": "sampler",
        "minutes": "minutes",
        "runs_per_second": "runs a second",
        "start_seconds": "first run after (s)",
        "driver_mb_start": "driver at 10 % (MB)",
        "driver_mb_end": "driver at the end (MB)",
        "kb_per_run": "growth a run (kB)",
        "store_gb": "store (GB)",
        "mlflow_gb": "MLflow's database (GB)",
    }
    parts = {
        "runs": "runs",
        "sampler": "sampler",
        "trained_seconds": "last run after (s)",
        "store_seconds": "store (s)",
        "search_seconds": "Optuna (s)",
        "mlflow_seconds": "MLflow (s)",
        "report_seconds": "report, not counted (s)",
    }
    return f"""\
Whole studies with a trainer that returns a recorded trajectory of 1 000 steps at once, in packs of
6: what all but training costs. Every row was measured.
{" ".join(result["notes"])}

{markdown_table(rows, total)}

Where the time goes. MLflow is written by a thread of the driver, the store by the workers beside
it, so that these overlap; the store's seconds are of as many commits by a process that does nothing
else.

{markdown_table(rows, parts)}"""


def targets(result: Result) -> list[Target]:
    """The times and the growth that were asked for."""
    own = {(row["sampler"], row["runs"]): row for row in result["rows"]}
    found = []
    for runs, minutes in ((2000, 10.0), (20_000, 110.0)):
        row = own.get((REFERENCE, runs))
        measured = row and row["seconds"] / 60
        found.append(Target(f"{runs} recorded runs, minutes", minutes, measured, at_least=False))
    for sampler in (REFERENCE, "tpe"):
        counts = [runs for name, runs in own if name == sampler and runs >= LONG]
        growth = own[sampler, max(counts)]["kb_per_run"] if counts else None
        name = f"growth of the driver with {sampler}, kB a run"
        span = f"{max(counts)} runs" if counts else ""
        found.append(Target(name, 1.0, growth, at_least=False, span=span))
    return found


def figure(result: Result, file: Path) -> None:
    """Time over the number of runs, and the driver's memory."""
    with subplots(2) as (canvas, (times, memory)):
        for place, sampler in enumerate(dict.fromkeys(row["sampler"] for row in result["rows"])):
            own = [row for row in result["rows"] if row["sampler"] == sampler]
            runs = [row["runs"] for row in own]
            for axis, values in (
                (times, [row["seconds"] / 60 for row in own]),
                (memory, [row["driver_mb_end"] for row in own]),
            ):
                color = PALETTE[place + 1]
                axis.plot(runs, values, marker="o", markersize=4, color=color, label=sampler)
        for axis in (times, memory):
            plain_log(axis, "x")
            axis.set_xlabel("runs")
        plain_log(times, "y")
        times.set_ylabel("time (min)")
        memory.set(ylabel="driver's memory (MB)", ylim=(0, None))
        times.legend()
        saved(canvas, file)


def _readable(row: Row) -> Row:
    """With minutes and gigabytes beside seconds and bytes."""
    return {
        **row,
        "minutes": row["seconds"] / 60,
        "store_gb": row["runs"] * row["store_bytes_per_run"] / 1e9,
        "mlflow_gb": row["runs"] * row["mlflow_bytes_per_run"] / 1e9,
    }


if __name__ == "__main__":
    main("driver", measure, options={"study": STUDY})
