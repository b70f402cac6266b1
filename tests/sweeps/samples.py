"""A small study with real runs and made-up trajectories, for the tests of what keeps them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pinn_core.records.trajectory import COLUMNS, SKETCH_SIZE, SKETCH_TYPE, Manifest, Trajectory
from sweeps.store.store import Store
from sweeps.study.plan import Run, search_run
from sweeps.study.study import Study, load_study

STUDY = """
name: sample
base:
  problem: {kind: heat, points_per_axis: 8, interior_points: 20}
  network: {kind: mlp, width: 4, depth: 1}
  phases: [{kind: adam, steps: 40}]
  record: {points: 16, gradients_every: 4, gradient_points: 8, full_every: 10, sketch_every: 5}
models:
  pinn:
    objective: {kind: pinn}
    space: {phases.0.learning_rate: [1.0e-3, 1.0e-2], objective.lambda_b: [10.0, 100.0]}
  regression:
    objective: {kind: regression, batch: 16}
    space: {phases.0.learning_rate: [1.0e-3, 1.0e-2]}
"""

VERIFIED = "10 runs replayed to the bit\n10 committed runs: all is well\n"
"""What ``pinn-sweep verify`` says of the study when it is done, with two seeds."""


def sample_study(folder: Path, *overrides: str) -> Study:
    file = folder / "sample.yaml"
    file.write_text(STUDY)
    return load_study(str(file), overrides)


def pinn_run(study: Study, learning_rate: float = 1e-3, lambda_b: float = 10.0) -> Run:
    point = {"phases.0.learning_rate": learning_rate, "objective.lambda_b": lambda_b}
    return search_run(study, "pinn", point)


def trajectory_of(run: Run, salt: int = 0, diverged_at: int | None = None) -> Trajectory:
    """A trajectory with every cell filled, different for every run and ``salt``."""
    rows = run.configuration.steps + 1
    random = np.random.default_rng([int(run.run_id, 16), salt])
    missing = np.arange(rows) > (rows if diverged_at is None else diverged_at)
    columns: dict[str, Any] = {"step": pa.array(np.arange(rows, dtype=np.int32))}
    for name in COLUMNS:
        columns[name] = pa.array(random.uniform(1, 2, rows), mask=missing)
    sketches = random.normal(size=(rows, SKETCH_SIZE)).astype(np.float32)
    columns["sketch"] = pa.array(
        [None if gone else sketch for gone, sketch in zip(missing, sketches, strict=True)],
        type=SKETCH_TYPE,
    )
    return Trajectory(pa.table(columns), diverged_at)


def with_value(trajectory: Trajectory, name: str, step: int, value: float | None) -> Trajectory:
    """The trajectory with one cell changed."""
    values = trajectory.table[name].to_pylist()
    values[step] = value
    place = trajectory.table.column_names.index(name)
    table = trajectory.table.set_column(place, name, pa.array(values, pa.float64()))
    return replace(trajectory, table=table)


def commit(store: Store, run: Run, trajectory: Trajectory, **facts: Any) -> Manifest:
    given = {
        "environment": {"torch": "2.13.0"},
        "device": "cpu",
        "threads": 1,
        "pack_size": 4,
        "started": 1.7e9,
        "seconds": 2.5,
    }
    return store.commit(run, trajectory, **(given | facts))
