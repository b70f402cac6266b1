"""Where the residual of the study `spurious-attractors` lies in time, after training.

    python docs/results/layers.py RUNS

reads the study from the folder of runs, writes docs/results/spurious-attractors.layers.json and
draws docs/images/disputes-layers.png from it. A run there has its model, seed, relative error at
the end, mean squared residual at 40 000 points that no run trained on (`residual`), the share of it
at t < 0.05 (`share`) and its root mean square in fifty slices of time (`by_time`).
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import pinn_sweeps as ps
from benchmarks.plotting import PALETTE, subplots

PAGES = Path(__file__).resolve().parent
DATA = PAGES / "spurious-attractors.layers.json"
FIGURE = PAGES.parent / "images" / "disputes-layers.png"
POINTS, SLICES, LAYER, SUCCESS = 40_000, 50, 0.05, 0.1
ARMS = ("fixed", "new", "pseudo", "adaptive")


def measured(runs: str) -> list[dict[str, Any]]:
    """What the file has of every run, by model and seed."""
    study = ps.load("spurious-attractors", runs_dir=runs)
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(0, 2 * np.pi, POINTS), rng.uniform(0, 1, POINTS)])
    slices = np.minimum((points[:, 1] * SLICES).astype(int), SLICES - 1)
    rows = []
    for run_id, run in study.runs.iterrows():
        squares = study.run(str(run_id)).solution().predict(points, "residual")[:, 0] ** 2
        by_time = [float(np.sqrt(squares[slices == k].mean())) for k in range(SLICES)]
        errors = study.trajectory(str(run_id))["error/relative_l2"].dropna()
        rows.append(
            {
                "model": run["model"],
                "seed": int(run["seed"]),
                "error": float(f"{errors.iloc[-1]:.4g}"),
                "residual": float(f"{squares.mean():.4g}"),
                "share": float(f"{squares[points[:, 1] < LAYER].sum() / squares.sum():.3g}"),
                "by_time": [float(f"{value:.3g}") for value in by_time],
            }
        )
    return sorted(rows, key=lambda row: (row["model"], row["seed"]))


def draw(rows: list[dict[str, Any]]) -> None:
    """Left: the errors at the end. Right: the residual over time of runs that failed."""
    problems = {"convection": PALETTE[4], "reaction": PALETTE[5]}
    with subplots(2, height=3.2, width=4.6) as (canvas, (left, right)):
        for shift, (problem, colour) in zip((-0.12, 0.12), problems.items(), strict=True):
            for place, arm in enumerate(ARMS):
                errors = [row["error"] for row in rows if row["model"] == f"{problem}-{arm}"]
                label = problem if place == 0 else None
                places = [place + shift] * len(errors)
                left.plot(places, errors, "o", color=colour, alpha=0.6, label=label)
        left.axhline(SUCCESS, color=PALETTE[0], lw=1, ls=":")
        left.set(yscale="log", ylabel="relative L2 error at the end")
        left.set_xticks(range(len(ARMS)), ["fixed points", "new points", "pseudo-time", "its rule"])
        left.legend()
        shown = {"convection-fixed": "--", "convection-new": "-", "reaction-fixed": "--"}
        time = (np.arange(SLICES) + 0.5) / SLICES
        for model, line in shown.items():
            failed = [row for row in rows if row["model"] == model and row["error"] >= SUCCESS]
            colour = problems[model.partition("-")[0]]
            for place, row in enumerate(failed):
                name = model.replace("-", ", ") + " points" if place == 0 else None
                right.plot(time, row["by_time"], line, color=colour, lw=1, alpha=0.6, label=name)
        right.set(yscale="log", xlabel="t", ylabel="residual off the points, rms")
        right.set_title("runs that failed")
        right.legend()
        canvas.savefig(FIGURE)


if __name__ == "__main__":
    found = measured(sys.argv[1])
    DATA.write_text(json.dumps(found, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    draw(found)
