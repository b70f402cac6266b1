"""What a search should go by: the last loss, or what the study is about, in as many runs.

The same space is searched with TPE by different metrics, with one seed for each configuration or
with three and a third of the configurations. The best configuration of each is judged on seeds that
no search used: how many of them reach the level within the training, in how many steps (Kaplan and
Meier's median), and how long their plateau lasts. Every search is repeated with other seeds.

Expected, written before the first run: steps and plateau lengths over three seeds find
configurations that reach the level on more held-back seeds than the last loss of one seed does.

Rows: goal, seeds (of each configuration), repetition, operations (of the search's updates), judged
(held-back runs), reached (of them), steps (median), steps_is_bound, plateau (median length),
plateau_is_bound.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from analysis.censored import Lengths
from analysis.load import StudyData, from_store
from analysis.metric import Metric, Unreached
from analysis.ranking import reached_of
from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from benchmarks.study import surroundings
from pinn_core.training.operations import update_flops
from sweeps.store.store import Store
from sweeps.study.study import configuration_of

LEVEL = 1.5
"""Of the mean squared error against the reference: after the plateau, which lies above 2."""
STEPS = Metric.read(f"steps_to(loss/regression, {LEVEL})")
PLATEAU = Metric.read(f"plateau/length(loss/regression, {LEVEL})")
GOALS = {
    "last loss": ("loss/regression", 1),
    "last loss, three seeds": ("loss/regression", 3),
    "steps to the level": (str(STEPS), 1),
    "steps to the level, three seeds": (str(STEPS), 3),
    "plateau length, three seeds": (str(PLATEAU), 3),
}
"""The metric, and how many seeds each configuration gets."""
COMPARED = ("last loss", "plateau length, three seeds")
RUNS, JUDGED, REPETITIONS = 36, 12, 5
APART = 100
"""Between the first seeds of two repetitions."""

TEXT = """
name: goals
base:
  problem: {{kind: heat, points_per_axis: 9, interior_points: all}}
  network: {{kind: mlp, activation: tanh}}
  phases: [{{kind: adam, steps: {steps}}}]
  objective: {{kind: pinn}}
models:
  pinn:
    space:
      network.width: [16, 32, 64]
      network.depth: [2, 3]
      objective.lambda_b: [1, 10, 100, 1000]
      phases.0.learning_rate: {{low: 1.0e-3, high: 3.0e-2, log: true}}
search:
  sampler: tpe
  runs: {runs}
  generation: {generation}
  metric: "{metric}"
  seed: {seed}
  seeds: {seeds}
rerun: {{seeds: {judged}}}
"""


def measure(quick: bool) -> Measured:
    """A row for each goal and repetition."""
    rows = []
    for repetition in range(1 if quick else REPETITIONS):
        for goal in GOALS:
            say(f"{goal}, repetition {repetition + 1}")
            rows.append(_row(goal, repetition, quick))
    return rows


def study_text(goal: str, repetition: int, quick: bool) -> str:
    """The study of one search, whose reruns judge what it found."""
    metric, seeds = GOALS[goal]
    runs, most = (RUNS // 6, max(one for _, one in GOALS.values())) if quick else (RUNS, 3)
    return TEXT.format(
        steps=20 if quick else 1500,
        runs=runs // seeds,
        generation=max(1, runs // 3 // seeds),
        seed=APART * repetition,
        seeds=seeds,
        metric=metric,
        judged=(2 if quick else JUDGED) + most - seeds,
    )


def judged(data: StudyData, run_ids: Sequence[str]) -> Row:
    """What became of runs on seeds that no search used."""
    return {
        "judged": len(run_ids),
        "reached": sum(isinstance(reached_of(data, one, STEPS), float) for one in run_ids),
        **_median("steps", data, run_ids, STEPS),
        **_median("plateau", data, run_ids, PLATEAU),
    }


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    columns = {
        "goal": "the search goes by",
        "reached": "held-back runs that reach the level",
        "median": "median over the repetitions of their share",
        "least": "worst repetition",
        "steps": "median of the median steps",
        "operations": "operations of the search (1e12)",
    }
    rows = summary(result["rows"])
    plain, plateau = (next(row for row in rows if row["goal"] == goal) for goal in COMPARED)
    outcome = "holds" if plateau["reached_runs"] > plain["reached_runs"] else "does not hold"
    return f"""\
The heat equation on 9 x 9 x 9 points, 1 500 updates; width, depth, boundary weight and learning
rate searched with TPE in three generations, {RUNS} runs for each search: so many configurations of
one seed, or a third as many of three. The best is judged on {JUDGED} seeds that no search used:
does the mean squared error come down to {LEVEL:g}?

{markdown_table(rows, columns)}

Expected before the first run: plateau lengths over three seeds find what reaches the level more
often than the last loss of one seed does. It {outcome}: {plateau["reached"]} against
{plain["reached"]}."""


def summary(rows: Sequence[Row]) -> list[Row]:
    """A row for each goal, over its repetitions."""
    return [_summed(goal, [row for row in rows if row["goal"] == goal]) for goal in GOALS]


def figure(result: Result, file: Path) -> None:
    """How soon the held-back runs reach the level, a mark for each repetition."""
    with subplots(width=7.0, height=2.4) as (canvas, (axis,)):
        for place, (goal, color) in enumerate(zip(GOALS, PALETTE, strict=False)):
            steps = [row["steps"] for row in result["rows"] if row["goal"] == goal]
            axis.plot(steps, [place] * len(steps), "o", color=color, alpha=0.5)
            axis.plot(statistics.median(steps), place, "|", color=color, markersize=18, mew=2)
        axis.set_yticks(range(len(GOALS)), list(GOALS))
        axis.set(xlim=(0, None), ylim=(len(GOALS) - 0.5, -0.5))
        axis.set_xlabel("steps to the level, median of the held-back runs (1 500: never)")
        axis.grid(visible=False, axis="y")
        saved(canvas, file)


def _summed(goal: str, rows: Sequence[Row]) -> Row:
    shares = _shares(rows)
    reached, of = (sum(row[name] for row in rows) for name in ("reached", "judged"))
    return {
        "goal": goal,
        "reached": f"{reached} of {of}",
        "reached_runs": reached,
        "median": statistics.median(shares),
        "least": min(shares),
        "steps": statistics.median(row["steps"] for row in rows),
        "operations": statistics.median(row["operations"] for row in rows) / 1e12,
    }


def _shares(rows: Iterable[Row]) -> list[float]:
    return [row["reached"] / row["judged"] for row in rows]


def _row(goal: str, repetition: int, quick: bool) -> Row:
    with tempfile.TemporaryDirectory(prefix="goals-") as name:
        folder = Path(name)
        (folder / "study.yaml").write_text(study_text(goal, repetition, quick))
        subprocess.run(
            [Path(sys.executable).with_name("pinn-sweep"), "run", "study.yaml"],
            cwd=folder,
            env=surroundings(),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        place = str(folder / "runs" / "goals" / "store")
        data, manifests = from_store(place, "goals"), list(Store(place).manifests())
        first = APART * repetition + max(seeds for _, seeds in GOALS.values())
        kept = [one.run_id for one in manifests if one.stage == "rerun" and one.seed >= first]
        searched = [one for one in manifests if one.stage == "search"]
        operations = sum(update_flops(configuration_of(one.configuration)) for one in searched)
        found = judged(data, kept)
    seeds = GOALS[goal][1]
    about = {"goal": goal, "seeds": seeds, "repetition": repetition}
    return {**about, "operations": operations, **found}


def _median(name: str, data: StudyData, run_ids: Sequence[str], metric: Metric) -> Row:
    """Kaplan and Meier's median; a run that diverged is one that never gets there."""
    last = float(data.runs["steps"].max())
    reached = [reached_of(data, one, metric) for one in run_ids]
    bounds = [not isinstance(one, float) for one in reached]
    values = [
        one if isinstance(one, float) else one.at_least if isinstance(one, Unreached) else last
        for one in reached
    ]
    median = Lengths(np.array(values), np.array(bounds)).median()
    return {name: median.value, f"{name}_is_bound": median.at_least}


if __name__ == "__main__":
    main("goals", measure)
