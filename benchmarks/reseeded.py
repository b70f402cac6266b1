"""``python -m benchmarks.reseeded STORE FILE.csv``: more seeds of some configurations of the grid.

The reference study's data set (``pinn_sweeps.data``) has one seed of each configuration. This
command trains SEEDS of these, of each model:

- the best 20 by the last loss of seed 0,
- 40 random ones of the whole grid, drawn with DRAW,
- of the regression model, what the searches of ``benchmarks.search`` found beside (FOUND_BESIDE).
  PINN searches found 41 more, which would cost as much again as all the others: left out.

A PINN on the full batch is trained as in the study ``plateaus-1800``, on 1 800 of the 14 400
collocation points. Regression models come first, then PINNs, one seed of all configurations after
the other. Every run goes into the store as it ends, and the same command goes on after any stop. On
one core with AVX-512 it takes some 75 minutes. At the end the file has a row for each run:
``run_id``, ``like`` (the run of the data set that has this configuration with seed 0, at full
size), ``model``, ``seed``, ``best`` and ``random`` (which of the sets it belongs to; neither: found
beside), ``loss/regression`` (the last), ``plateau.length``, ``plateau.censored``, ``seconds``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.plateau import plateau_of
from analysis.rules import PlateauRule
from benchmarks.command import say
from pinn_sweeps.data import plateaus
from sweeps.execution.context import WorkerContext
from sweeps.execution.training import train_pack
from sweeps.store.store import Store
from sweeps.study.plan import PackPlan, Run, make_packs, model_points, search_run, search_runs
from sweeps.study.study import load_study

SEEDS = {"regression": (1, 2, 3, 4), "pinn": (1, 2, 3, 4)}
"""The first of those that the study's reruns use; models in the order of their training."""
BEST, RANDOM, DRAW = 20, 40, 0
FOUND_BESIDE: dict[str, tuple[int, ...]] = {
    "regression": (24, 25, 26, 29, 30, 32, 33, 50, 63, 68, 133, 142, 145, 255),
    "pinn": (),
}
"""Places in the grid by the last loss of seed 0."""
LAST = "final.loss/regression"
COLUMN = "loss/regression"


@dataclass(frozen=True)
class Chosen:
    """A configuration that gets more seeds: its run in the data set, and why."""

    like: str
    model: str
    best: bool
    random: bool


def chosen(data: pd.DataFrame) -> list[Chosen]:
    """The configurations, the best first."""
    found = []
    for model, places in FOUND_BESIDE.items():
        grid = data[(data["model"] == model) & (data["stage"] == "search")]
        ranked = grid.sort_values("run_id").sort_values(LAST, kind="stable")["run_id"].tolist()
        drawn = set(grid.sort_values("run_id")["run_id"].sample(RANDOM, random_state=DRAW))
        best = set(ranked[:BEST])
        beside = {ranked[place - 1] for place in places}
        found += [
            Chosen(name, model, name in best, name in drawn)
            for name in ranked
            if name in best | drawn | beside
        ]
    return found


def runs_of(configurations: list[Chosen]) -> Iterator[tuple[Chosen, list[Run]]]:
    """For each configuration its runs with SEEDS, PINNs on the full batch with fewer points."""
    most = max(map(len, SEEDS.values()))
    small = load_study("plateaus-1800", ["search.seed=1", f"search.seeds={most}"])
    for one in configurations:
        point = _points()[one.like]
        batches = one.model == "pinn" and point["objective.batch"] != "full"
        model = "pinn-batches" if batches else one.model
        its_point = {key: point[key] for key in small.models[model].space}
        yield one, search_runs(small, model, its_point)[: len(SEEDS[one.model])]


@cache
def _points() -> dict[str, dict[str, Any]]:
    """The points of the study's grid by the runs in the data set."""
    study = load_study("plateaus")
    return {
        search_run(study, model, point).run_id: point
        for model in study.models
        for point in model_points(study, model)
    }


def packs_of(configurations: list[Chosen]) -> list[PackPlan]:
    """Packs for one core, one seed of a model's configurations after the other."""
    resources = load_study("plateaus-1800").resources
    runs: dict[tuple[str, int], list[Run]] = {}
    for one, its_runs in runs_of(configurations):
        for run in its_runs:
            runs.setdefault((one.model, run.seed), []).append(run)
    order = [(model, seed) for model in SEEDS for seed in SEEDS[model]]
    return [pack for part in order for pack in make_packs(runs.get(part, []), resources, 1)]


def train(store: Path, packs: list[PackPlan]) -> None:
    """Train what the store lacks."""
    context = WorkerContext(
        store=str(store), metric=COLUMN, progress=str(store.with_name("progress"))
    )
    whole, done = sum(pack.flops for pack in packs), 0.0
    for pack in packs:
        train_pack(pack, context)
        done += pack.flops
        about = pack.runs[0]
        say(f"{100 * done / whole:.1f} %: seed {about.seed}, {about.model} {about.varied}")


def table_of(store: Path, configurations: list[Chosen]) -> pd.DataFrame:
    """A row for each run; raises ``TrajectoryError`` where the store lacks one."""
    kept, rule = Store(str(store)), PlateauRule()
    rows = [_row(kept, one, run, rule) for one, runs in runs_of(configurations) for run in runs]
    return pd.DataFrame(rows)


def _row(store: Store, one: Chosen, run: Run, rule: PlateauRule) -> dict[str, Any]:
    table = store.read(run.run_id).table.to_pandas().set_index("step")
    plateau = plateau_of(table, rule)
    return {
        "run_id": run.run_id,
        "like": one.like,
        "model": one.model,
        "seed": run.seed,
        "best": one.best,
        "random": one.random,
        COLUMN: float(table[COLUMN].iloc[-1]),
        "plateau.length": plateau.length,
        "plateau.censored": plateau.censored,
        "seconds": round(store.manifest(run.run_id).seconds, 2),
    }


def main() -> None:
    """Train what is missing, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reseeded")
    parser.add_argument("store", type=Path, help="folder for the runs")
    parser.add_argument("file", type=Path, help="the table, a .csv file in a folder that exists")
    named = parser.parse_args()
    if not named.file.absolute().parent.is_dir():
        parser.error(f"{named.file} must be a file in a folder that exists")
    configurations = chosen(plateaus())
    train(named.store, packs_of(configurations))
    table_of(named.store, configurations).to_csv(named.file, index=False)


if __name__ == "__main__":
    main()
