"""The error of the study `cavity` in the published norm, beside the relative L2 error.

    python docs/results/cavity.py RUNS

reads the study from the folder of runs and prints, for each run, |S - S*| / |S*| with the speeds
S = sqrt(u^2 + v^2) of network and reference on 100 x 100 points as a matrix: its spectral norm (the
largest singular value), which is the published one, and Frobenius' norm.
"""

import sys
from typing import Any

import numpy as np

import pinn_sweeps as ps
from pinn_core.problems.references import cavity_psi
from pinn_core.solvers import flow

POINTS = 100
ORDERS: dict[str, Any] = {"spectral": 2, "Frobenius": "fro"}


def speed(solution: ps.Solution) -> np.ndarray:
    """Of a network, at POINTS x POINTS points, indexed [x, y]."""
    axis = np.linspace(0.0, 1.0, POINTS)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    if solution.problem.kind == "cavity":
        velocity = solution.predict(points)[:, :2]
    else:  # u = psi_y, v = -psi_x
        velocity = np.stack([solution.predict(points, d)[:, 0] for d in ("y", "x")], axis=1)
    lengths: np.ndarray = np.hypot(*velocity.T).reshape(POINTS, POINTS)
    return lengths


def main(runs: str) -> None:
    """Print model, seed and errors of every run."""
    study = ps.load("cavity", runs_dir=runs)
    axis = np.linspace(0.0, 1.0, POINTS)
    true = np.hypot(*flow(cavity_psi(100.0), axis, axis)[..., 1:].transpose(2, 0, 1))
    for run_id, run in study.runs.sort_values(["model", "seed"]).iterrows():
        off = speed(study.run(str(run_id)).solution()) - true
        errors = [np.linalg.norm(off, o) / np.linalg.norm(true, o) for o in ORDERS.values()]
        last = study.trajectory(str(run_id))["error/relative_l2"].dropna().iloc[-1]
        print(run["model"], run["seed"], *(f"{error:.4f}" for error in (*errors, last)))


if __name__ == "__main__":
    print("model seed", *ORDERS, "relative_l2 (u, v)")
    main(sys.argv[1])
