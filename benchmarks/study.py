"""A whole study: our command as a user runs it, against plain loops over its configurations.

24 configurations of 1 000 steps each: a PINN on the full batch of 1 800 interior and 3 176
supervised points, a PINN in mini-batches of 512, and a regression model, of widths 32 to 256 and
depth 4, at two learning rates. Ours is the whole command: start, search, rerun of the three best,
everything recorded, store, MLflow, report. A loop trains the 24 and keeps nothing; a few of its
steps are measured and the rest is extrapolated. Once torch has all cores for one configuration
after the other, once each core has a configuration of its own, without any loss by sharing memory.

Rows: what, runs, steps, seconds, steps_measured, extrapolated, per_run_seconds, vs_ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.loops import Step, nested_step, peer_step
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from pinn_core import Configuration
from pinn_core.cores import usable_cores
from sweeps.study.plan import model_points, search_run
from sweeps.study.study import Study, load_study

TEXT = """
name: benchmark
base:
  problem: {{kind: heat, points_per_axis: 26, interior_points: 1800}}
  network: {{kind: mlp, depth: 4, activation: gelu}}
  phases: [{{kind: adam, steps: {steps}}}]
models:
  pinn:
    objective: {{kind: pinn, batch: full}}
    space: {{network.width: {full}, phases.0.learning_rate: {rates}}}
  pinn-batch:
    objective: {{kind: pinn, batch: 512}}
    space: {{network.width: {widths}, phases.0.learning_rate: {rates}}}
  regression:
    objective: {{kind: regression, batch: 512}}
    space: {{network.width: {widths}, phases.0.learning_rate: {rates}}}
rerun: {{seeds: 1}}
"""
FULL = TEXT.format(
    steps=1000, full=[32, 64, 128, 256], widths=[32, 64, 128, 256], rates=[1e-3, 3e-3]
)
QUICK = TEXT.format(steps=100, full=[32, 64], widths=[32], rates=[1e-3])
OURS = "pinn-sweep run"
ELSEWHERE = {"PINN_SWEEP_RUNS", "MLFLOW_TRACKING_URI", "RAY_ADDRESS"}
"""Variables that would send our command to other folders, servers and clusters."""
MISSING = "DeepXDE is not installed: its loop is missing (pip install 'pinn-sweeps[benchmarks]')."

Loop = Callable[[Configuration], Step]


def measure(quick: bool) -> Measured:
    """A row for our command, and two for each loop."""
    with tempfile.TemporaryDirectory(prefix="study-") as name:
        file = Path(name, "study.yaml")
        file.write_text(QUICK if quick else FULL)
        study = load_study(str(file))
        chosen = configurations(study)
        steps = sum(one.steps for one in chosen)
        seconds = command_seconds(["run", str(file), "--runs-dir", name])
        runs = len(list(Path(name).glob("*/store/*.json")))
    rows: list[Row] = [
        {
            "what": OURS,
            "runs": runs,
            "steps": chosen[0].steps,
            "seconds": seconds,
            "steps_measured": runs * chosen[0].steps,
            "extrapolated": False,
        }
    ]
    least = 0.2 if quick else 5.0
    loops = _loops()
    for loop, step in loops.items():
        say(f"loop over {loop}")
        together = _loop_seconds(chosen, step, least, torch.get_num_threads())
        alone = _loop_seconds(chosen, step, least, 1)
        cores = usable_cores()
        for how, (took, counted), divided in (
            ("all cores for one run", together, 1),
            ("a core for each run", alone, cores),
        ):
            rows.append(
                {
                    "what": f"loop over {loop}, {how}",
                    "runs": len(chosen),
                    "steps": chosen[0].steps,
                    "seconds": took / divided,
                    "steps_measured": counted,
                    "extrapolated": counted < steps,
                }
            )
    for row in rows:
        row["per_run_seconds"] = row["seconds"] / row["runs"]
        row["vs_ours"] = row["seconds"] / seconds
    notes = [
        f"Ours makes {runs - len(chosen)} runs more than the loops, the best of each model again,"
        " and these count in vs_ours.",
        "DeepXDE's loop trains on its first mini-batch again and again, and the regression model"
        " by plain torch.",
    ]
    return rows, notes if len(loops) > 1 else [*notes[:1], MISSING]


def configurations(study: Study) -> list[Configuration]:
    """All that the study's searches train."""
    return [
        search_run(study, model, point).configuration
        for model in study.models
        for point in model_points(study, model)
    ]


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    columns = {
        "what": "what",
        "runs": "runs",
        "steps": "steps each",
        "seconds": "seconds",
        "per_run_seconds": "seconds a run",
        "vs_ours": "times ours",
        "steps_measured": "steps measured",
    }
    return f"""\
24 configurations of 1 000 steps: PINN on the full batch of 1 800 + 3 176 points, PINN in
mini-batches of 512, regression; widths 32 to 256, depth 4, two learning rates. Ours is the whole
command: start, search, rerun of the three best, everything recorded, store, MLflow, report. A loop
trains the 24 and keeps nothing. Where fewer steps were measured than trained, the rest is
extrapolated. {" ".join(result["notes"])}

{markdown_table(result["rows"], columns)}"""


def figure(result: Result, file: Path) -> None:
    """Minutes of each way, side by side."""
    rows = result["rows"][::-1]
    with subplots(width=7.0, height=2.5) as (canvas, (axis,)):
        colors = [PALETTE[3] if row["what"] == OURS else PALETTE[0] for row in rows]
        axis.barh(
            [row["what"] for row in rows], [row["seconds"] / 60 for row in rows], color=colors
        )
        axis.set(xlabel=f"time for {rows[0]['runs']} configurations (min)")
        axis.grid(visible=False, axis="y")
        saved(canvas, file)


def command_seconds(words: Sequence[str]) -> float:
    """Wall seconds of our command with these words, from its start to its end."""
    command = [str(Path(sys.executable).with_name("pinn-sweep")), *words]
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout
        for line in running.stdout:
            say(line.rstrip())
    seconds = time.perf_counter() - started
    if running.returncode:
        raise RuntimeError(f"pinn-sweep ended with exit code {running.returncode}")
    return seconds


def surroundings() -> dict[str, str]:
    """The environment of our command: this one, without what would send it elsewhere."""
    return {name: value for name, value in os.environ.items() if name not in ELSEWHERE}


def _loop_seconds(
    chosen: Sequence[Configuration], loop: Loop, least: float, threads: int
) -> tuple[float, int]:
    """Seconds of all steps of all configurations, and how many steps were measured.

    Equal shapes take equal times; each is measured for ``least`` seconds.
    """
    shapes: dict[str, list[Configuration]] = {}
    for one in chosen:
        shapes.setdefault(one.shape_key(), []).append(one)
    seconds, measured = 0.0, 0
    with _threads(threads):
        for alike in shapes.values():
            each, counted = _step_seconds(loop(alike[0]), least, alike[0].steps)
            seconds += each * sum(one.steps for one in alike)
            measured += counted
    return seconds, measured


def _step_seconds(step: Step, least: float, most: int) -> tuple[float, int]:
    """Mean seconds of a step, after two that do not count, and of how many it is the mean."""
    for _ in range(2):
        step()
    started, counted = time.perf_counter(), 0
    while counted < most and time.perf_counter() - started < least:
        step()
        counted += 1
    return (time.perf_counter() - started) / counted, counted


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _loops() -> dict[str, Loop]:
    """By name; DeepXDE's is missing where it is not installed."""
    loops: dict[str, Loop] = {"nested autograd": nested_step}
    try:
        from benchmarks.peers.deepxde import DeepXde
    except ModuleNotFoundError as missing:
        if missing.name != "deepxde":
            raise
        return loops
    return {**loops, "DeepXDE": partial(peer_step, peer=DeepXde)}


if __name__ == "__main__":
    main("study", measure)
