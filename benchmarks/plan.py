"""Whether ``pinn-sweep plan`` is right: what it says of four studies, and what they then take.

Each study is planned and then run by the commands that a user types, with a runs folder of its own:
the demo; large networks without a search; a learning search over many shapes of small networks; and
every remedy, twenty-six models, each with parts of its own.

Rows: study, runs, packs, kinds, measured (kinds of packs), planned, low, high, seconds, ratio
(planned over real), plan_seconds (what the plan itself took).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from benchmarks.study import command_seconds, surroundings

SHAPES = """
name: shapes
base:
  problem: {kind: heat, points_per_axis: 26, interior_points: 600}
  network: {kind: mlp, width: 64, depth: 3, activation: tanh}
  phases: [{kind: adam, steps: 1000}]
models:
  pinn:
    objective: {kind: pinn, lambda_b: 100, batch: full}
    space:
      network.width: [16, 32, 64, 128]
      network.depth: [2, 3, 4]
      phases.0.learning_rate: {low: 1e-4, high: 1e-2, log: true}
search: {sampler: tpe, runs: 24, generation: 12}
rerun: {seeds: 4}
"""
STUDIES: dict[str, Sequence[str]] = {
    "demo": (),
    "plateaus-small": ("base.phases.0.steps=300", "rerun.seeds=2"),
    "shapes": (),
    "remedies": ("reduced=true", "base.phases.0.steps=300", "rerun.seeds=2"),
}
QUICK: dict[str, Sequence[str]] = {
    "demo": ("base.phases.0.steps=20", "rerun.seeds=1", "search.runs=2"),
}
ASKED = 1.3
"""The factor within which a plan should be."""


def measure(quick: bool) -> Measured:
    """A row for each study."""
    return [_row(name, words) for name, words in (QUICK if quick else STUDIES).items()]


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    columns = {
        "study": "study",
        "runs": "runs",
        "packs": "packs",
        "measured": "kinds measured",
        "planned": "planned (s)",
        "low": "from (s)",
        "high": "to (s)",
        "seconds": "taken (s)",
        "ratio": "planned / taken",
        "plan_seconds": "the plan itself (s)",
    }
    within = sum(1 / ASKED <= row["ratio"] <= ASKED for row in result["rows"])
    return f"""\
`pinn-sweep plan` and then `pinn-sweep run` of the same study: imports, Ray, search, rerun, store,
MLflow and report. Of {len(result["rows"])} studies {within} took what was planned within a factor
{ASKED}.

{markdown_table(result["rows"], columns)}"""


def figure(result: Result, file: Path) -> None:
    """What was planned, with its reach, beside what was taken."""
    rows = result["rows"]
    with subplots(width=7.0, height=2.5) as (canvas, (axis,)):
        for place, row in enumerate(rows):
            reach = [[row["planned"] - row["low"]], [row["high"] - row["planned"]]]
            axis.errorbar(row["planned"], place, xerr=reach, fmt="o", color=PALETTE[0], capsize=3)
            axis.plot(row["seconds"], place, "D", color=PALETTE[3])
        axis.set_yticks(range(len(rows)), [row["study"] for row in rows])
        axis.set(xlim=(0, None), ylim=(-0.5, len(rows) - 0.5))
        axis.set_xlabel("seconds: planned with its reach (dots), taken (diamonds)")
        saved(canvas, file)


def _row(name: str, words: Sequence[str]) -> Row:
    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        file = Path(folder, f"{name}.yaml")
        if name == "shapes":
            file.write_text(SHAPES)
        study = str(file) if file.is_file() else name
        say(f"plan {name}")
        started = time.perf_counter()
        plan = _plan([study, *words])
        took = time.perf_counter() - started
        seconds = command_seconds(["run", study, *words, "--runs-dir", folder])
    return {
        "study": plan["study"],
        **{key: plan[key] for key in ("runs", "packs", "kinds", "measured")},
        "planned": plan["seconds"],
        **{key: plan[key] for key in ("low", "high")},
        "seconds": seconds,
        "ratio": plan["seconds"] / seconds,
        "plan_seconds": took,
    }


def _plan(words: Sequence[str]) -> dict[str, float]:
    command = [str(Path(sys.executable).with_name("pinn-sweep")), "plan", *words, "--json"]
    done = subprocess.run(
        command, env=surroundings(), stdout=subprocess.PIPE, text=True, check=True
    )
    plan: dict[str, float] = json.loads(done.stdout)
    return plan


if __name__ == "__main__":
    main("plan", measure)
