"""The control plane: studies of many runs with a trainer that returns at once.

Everything but training is real: Ray and its workers, the store with its syncs, Optuna, and MLflow
on SQLite with curves and artifacts. A run is a recorded trajectory of 1 000 steps, packs are of 6.

Rows: runs, sampler, seconds (start to end, without the report), runs_per_second, start_seconds (to
the first run's end), trained_seconds (to the last run's end), driver_mb_start (at a tenth of the
runs), driver_mb_end, kb_per_run (the driver's growth over the second half of the runs),
search_seconds, mlflow_seconds, store_seconds (as many commits to that store by a process that does
nothing else), report_seconds, store_bytes_per_run, mlflow_bytes_per_run, extrapolated.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.load import one_study
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from benchmarks.targets import Target

QUICK = (("random", 60), ("random", 200))
FULL = (
    ("random", 200),
    ("random", 2000),
    ("tpe", 200),
    ("tpe", 2000),
    ("grid", 200),
    ("qmc", 200),
    ("random", 10_000),
)
REFERENCE = "random"
"""The sampler by which the others' growth is told, as it costs least."""
BEYOND = (100_000, 1_000_000)


def measure(quick: bool) -> Measured:
    """A row for each study, every one in a new process, and what they say of larger ones."""
    rows = []
    for sampler, runs in QUICK if quick else FULL:
        say(f"{runs} runs, {sampler}")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            row = fresh.submit(one_study, sampler, runs).result()
        rows.append({**row, "extrapolated": False})
    reference = [row for row in rows if row["sampler"] == REFERENCE]
    exponent = growth_exponent(reference)
    notes = [
        f"Growth: the seconds after the first run's end grow with the number of runs to the power"
        f" of {exponent:.2f}.",
        f"Extrapolated: {REFERENCE}, from {reference[-1]['runs']} runs, times by that power but at"
        f" least in proportion, the rest in proportion.",
    ]
    return rows + [beyond(reference[-1], runs, max(1.0, exponent)) for runs in BEYOND], notes


def growth_exponent(rows: list[Row]) -> float:
    """The slope of log seconds over log runs; what passes before the first run ends is left out."""
    runs = [row["runs"] for row in rows]
    seconds = [row["seconds"] - row["start_seconds"] for row in rows]
    return float(np.polyfit(np.log(runs), np.log(seconds), 1)[0])


def beyond(row: Row, runs: int, exponent: float) -> Row:
    """What a measured row says of a study of so many runs."""
    factor = runs / row["runs"]
    took = row["seconds"] - row["start_seconds"]
    seconds = row["start_seconds"] + took * factor**exponent
    growth = row["kb_per_run"] * (runs - row["runs"]) / 1000
    shares = ("trained_seconds", "search_seconds", "mlflow_seconds", "store_seconds")
    return {
        **row,
        **{name: row[name] * factor**exponent for name in shares},
        "runs": runs,
        "seconds": seconds,
        "runs_per_second": runs / seconds,
        "driver_mb_end": row["driver_mb_end"] + max(0.0, growth),
        "report_seconds": None,
        "extrapolated": True,
    }


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
    measured = [row for row in rows if not row["extrapolated"]]
    return f"""\
Whole studies with a trainer that returns a recorded trajectory of 1 000 steps at once, in packs of
6: what all but training costs. Rows of 100 000 runs and more are extrapolated.
{" ".join(result["notes"])}

{markdown_table(rows, total)}

Where the time goes. MLflow is written by a thread of the driver, the store by the workers beside
it, so that these overlap; the store's seconds are of as many commits by a process that does nothing
else.

{markdown_table(measured, parts)}"""


def targets(result: Result) -> list[Target]:
    """The times and the growth that were asked for."""
    own = {(row["sampler"], row["runs"]): row for row in result["rows"]}
    found = []
    for runs, minutes in ((2000, 10.0), (10_000, 55.0)):
        row = own.get((REFERENCE, runs))
        measured = row and row["seconds"] / 60
        found.append(Target(f"{runs} recorded runs, minutes", minutes, measured, at_least=False))
    largest = own.get((REFERENCE, 10_000))
    growth = largest and largest["kb_per_run"]
    return [*found, Target("growth of the driver, kB a run", 2.0, growth, at_least=False)]


def figure(result: Result, file: Path) -> None:
    """Time over the number of runs, and the driver's memory; what is extrapolated is hollow."""
    with subplots(2) as (canvas, (times, memory)):
        for place, sampler in enumerate(dict.fromkeys(row["sampler"] for row in result["rows"])):
            own = [row for row in result["rows"] if row["sampler"] == sampler]
            runs = [row["runs"] for row in own]
            faces = ["white" if row["extrapolated"] else PALETTE[place + 1] for row in own]
            for axis, values in (
                (times, [row["seconds"] / 60 for row in own]),
                (memory, [row["driver_mb_end"] for row in own]),
            ):
                axis.plot(runs, values, color=PALETTE[place + 1], linewidth=1, zorder=1)
                color = PALETTE[place + 1]
                axis.scatter(
                    runs, values, s=20, label=sampler, zorder=2, edgecolors=color, facecolors=faces
                )
        times.set(xscale="log", yscale="log", xlabel="runs", ylabel="time (min)")
        memory.set(xscale="log", xlabel="runs", ylabel="driver's memory (MB)", ylim=(0, None))
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
    main("driver", measure)
