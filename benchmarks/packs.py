"""Time per run against the size of its pack, on one thread and on two.

A run is 1 000 steps of a training with everything recorded at the default cadence, without its
set-up. Rows: kind, backend, threads, pack, seconds_per_run, speedup (against a pack of one on one
thread).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, plain_log, saved, subplots
from benchmarks.sizes import MID, SMALL
from benchmarks.timing import interleaved
from benchmarks.training import WARM_UP, pack_of, step_seconds
from pinn_core import Adam, Configuration, Heat, Mlp, Pinn, Regression
from pinn_core.engine.backends import library
from pinn_core.objectives import Objective

PACKS = (1, 2, 4, 6, 12, 24, 48, 64)
STEPS = 1000
BATCH = SMALL.interior + SMALL.boundary
LINES = ("-", "--", ":")


@dataclass(frozen=True)
class Kind:
    """What is trained, and how many rounds of it are measured."""

    name: str
    configuration: Configuration
    rounds: int


def _small(objective: Objective) -> Configuration:
    return Configuration(
        problem=Heat(),
        network=Mlp(width=SMALL.width, depth=SMALL.depth, activation="tanh"),
        objective=objective,
        phases=(Adam(steps=WARM_UP + 100),),
    )


KINDS = (
    Kind("small PINN, mini-batch", _small(Pinn(batch=BATCH)), rounds=3),
    Kind("small regression", _small(Regression(batch=BATCH)), rounds=3),
    Kind("mid PINN", MID.configuration("tanh", steps=20), rounds=3),
)


def measure(quick: bool, devices: tuple[str, ...] | None = None) -> Measured:
    """Rows of every kind, number of threads and pack, on every device if none is named."""
    packs = (1, 6) if quick else PACKS
    chosen = devices or ("cpu", *["cuda"] * torch.cuda.is_available())
    rows = [
        row
        for kind in (KINDS[:1] if quick else KINDS)
        for device in chosen
        for row in _rows(kind, packs, device, rounds=1 if quick else kind.rounds)
    ]
    return rows, [
        f"small is {SMALL.width} x {SMALL.depth} with batches of {BATCH}; mid is {MID.width} x "
        f"{MID.depth} on {MID.interior} + {MID.boundary} points."
    ]


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    return f"""\
Seconds for a run of {STEPS} steps with everything recorded at the default cadence, without its
set-up, when so many runs are trained together.

{markdown_table(result["rows"])}"""


def figure(result: Result, file: Path) -> None:
    """Time per run over the size of the pack: a colour for each kind, a line for each setting."""
    rows = result["rows"]
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    settings = list(dict.fromkeys((row["backend"], row["threads"]) for row in rows))
    with subplots(height=4.0, width=6.0) as (canvas, (axis,)):
        for place, kind in enumerate(kinds):
            for (backend, threads), line in zip(settings, LINES, strict=False):
                own = [
                    row
                    for row in rows
                    if (row["kind"], row["backend"], row["threads"]) == (kind, backend, threads)
                ]
                axis.plot(
                    [row["pack"] for row in own],
                    [row["seconds_per_run"] for row in own],
                    line,
                    marker="o",
                    markersize=3,
                    color=PALETTE[place + 3],
                    label=f"{kind}, {backend}, {_threads(threads)}",
                )
        axis.set(
            xscale="log",
            xlabel="runs in a pack",
            ylabel=f"time per run of {STEPS} steps (s)",
        )
        plain_log(axis, "y")
        axis.set_xticks(PACKS, [str(pack) for pack in PACKS])
        axis.xaxis.minorticks_off()
        canvas.legend(loc="outside lower center", ncols=2)
        saved(canvas, file)


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def _rows(kind: Kind, packs: tuple[int, ...], device: str, rounds: int) -> list[Row]:
    settings = [
        (pack, threads) for threads in ((1, 2) if device == "cpu" else (1,)) for pack in packs
    ]
    backend = "cuda" if device != "cpu" else "eager" if library.missing() else "native"
    cases = {
        f"{pack} {threads}": partial(
            step_seconds, pack_of(kind.configuration, pack), device=device, threads=threads
        )
        for pack, threads in settings
    }
    times = interleaved(cases, rounds, lambda line: say(f"{kind.name} {device}: {line}"))
    per_run = {
        (pack, threads): STEPS * median(times[f"{pack} {threads}"]) / pack
        for pack, threads in settings
    }
    return [
        {
            "kind": kind.name,
            "backend": backend,
            "threads": threads,
            "pack": pack,
            "seconds_per_run": per_run[pack, threads],
            "speedup": per_run[1, 1] / per_run[pack, threads],
        }
        for pack, threads in settings
    ]


if __name__ == "__main__":
    main("packs", measure)
