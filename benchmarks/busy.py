"""How busy the cores are: whole studies of small runs, from the command's start to its end.

The studies train tiny networks, so that everything else shows: starting Ray and its workers,
handing out packs, publishing, the report. When each pack trained is read from its runs' manifests.

Rows: runs, cores, seconds (the whole command), before (until the first pack begins to train),
training (from then to the last pack's end), after (until the command's end), trained (core seconds
in training), busy (trained over cores times training).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from benchmarks.study import surroundings
from benchmarks.targets import Target, targets_table
from pinn_core.cores import usable_cores
from pinn_core.records.trajectory import Manifest
from sweeps.store.store import Store

TEXT = """
name: busy
base:
  problem: {{kind: heat, points_per_axis: 9, interior_points: all}}
  network: {{kind: mlp, activation: tanh}}
  phases: [{{kind: adam, steps: {steps}}}]
models:
  pinn:
    objective: {{kind: pinn}}
    space:
      network.width: [16, 32, 48, 64]
      network.depth: [1, 2]
      phases.0.learning_rate: {rates}
rerun: {{seeds: 2}}
"""
STEPS = 1000
SMALL = 96
LARGE = 1992


def measure(quick: bool) -> Measured:
    """A row for each number of runs."""
    rows = []
    for runs in (SMALL,) if quick else (SMALL, LARGE):
        say(f"{runs} runs")
        rows.append(_row(runs, 200 if quick else STEPS))
    return rows


def study_text(runs: int, steps: int) -> str:
    """A study of so many search runs, of 8 shapes, with as many learning rates as that takes."""
    count = runs // 8
    rates = [float(f"{1e-4 * 100 ** (number / (count - 1)):.6g}") for number in range(count)]
    return TEXT.format(steps=steps, rates=rates)


def shares(manifests: Sequence[Manifest], began: float, ended: float, cores: int) -> Row:
    """When the cores trained, of a command that began and ended at these unix seconds."""
    first = min(one.started for one in manifests)
    last = max(one.started + one.seconds * one.pack_size for one in manifests)
    trained = sum(one.seconds * one.threads for one in manifests)
    return {
        "before": first - began,
        "training": last - first,
        "after": ended - last,
        "trained": trained,
        "busy": trained / (cores * (last - first)),
    }


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    columns = {
        "runs": "runs",
        "seconds": "seconds",
        "before": "before the first pack",
        "training": "packs train",
        "after": "after the last pack",
        "trained": "core seconds trained",
        "busy": "busy",
    }
    cores = result["rows"][0]["cores"]
    return f"""\
Whole studies of small networks (widths 16 to 64, depths 1 and 2, 1 000 steps on 9 x 9 x 9 points)
on {cores} cores: the seconds of the command and of its parts. Busy is the share of the cores' time
in training from the first pack's start to the last one's end.

{markdown_table(result["rows"], columns)}

{targets_table(targets(result))}"""


def figure(result: Result, file: Path) -> None:
    """The parts of each command's time, one after the other."""
    rows = result["rows"][::-1]
    parts = {
        "before": "before the first pack",
        "training": "packs train",
        "after": "after the last",
    }
    with subplots(width=7.0, height=2.0) as (canvas, (axis,)):
        left = [0.0] * len(rows)
        for color, (name, label) in zip(PALETTE, parts.items(), strict=False):
            widths = [row[name] / row["seconds"] for row in rows]
            axis.barh(
                [f"{row['runs']} runs" for row in rows], widths, 0.6, left, color=color, label=label
            )
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axis.set(xlabel="share of the command's time", xlim=(0, 1))
        axis.grid(visible=False, axis="y")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.35), ncols=3)
        saved(canvas, file)


def targets(result: Result) -> list[Target]:
    """What was asked for: 80 % of the cores' time for 96 runs, 90 % for 2 000."""
    rows = {row["runs"]: row for row in result["rows"]}
    small, large = rows[SMALL], rows.get(LARGE, {})
    return [
        Target(f"{SMALL} small runs: share of the cores' time in training", 0.8, small["busy"]),
        Target(f"{LARGE} small runs: the same", 0.9, large.get("busy")),
        Target(
            f"{SMALL} small runs: seconds of the whole command",
            18.0,
            small["seconds"],
            at_least=False,
        ),
    ]


def _row(runs: int, steps: int) -> Row:
    cores = usable_cores()
    with tempfile.TemporaryDirectory(prefix="busy-") as name:
        folder = Path(name)
        (folder / "study.yaml").write_text(study_text(runs, steps))
        began = time.time()
        subprocess.run(
            [Path(sys.executable).with_name("pinn-sweep"), "run", "study.yaml"],
            cwd=folder,
            env=surroundings(),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        ended = time.time()
        manifests = list(Store(str(folder / "runs" / "busy" / "store")).manifests())
    row = {"runs": runs, "cores": cores, "seconds": ended - began}
    return {**row, **shares(manifests, began, ended, cores)}


if __name__ == "__main__":
    main("busy", measure)
