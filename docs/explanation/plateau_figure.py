"""Draws docs/images/plateau-rule.png: how the rule of the plateau reads one training.

    python docs/explanation/plateau_figure.py

trains a small PINN on the heat equation, which takes seconds on one core.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import pinn_sweeps as ps
from analysis.plateau import find_plateau, smoothed
from analysis.rules import PlateauRule
from benchmarks.plotting import PALETTE, subplots

IMAGE = Path(__file__).resolve().parents[1] / "images" / "plateau-rule.png"
RULE = PlateauRule()


def trained() -> pd.Series:
    """The loss against the reference solution at every step."""
    configuration = ps.Configuration(
        problem=ps.Heat(points_per_axis=9),
        network=ps.Mlp(width=128, depth=4, activation="gelu"),
        objective=ps.Pinn(lambda_b=100.0),
        phases=(ps.Adam(steps=1000, learning_rate=1e-3),),
    )
    table = ps.train(configuration, seed=0).table
    return pd.Series(table[RULE.curve].to_numpy(), index=table["step"].to_numpy())


def main() -> None:
    """Train, judge and draw."""
    curve = trained()
    seen, plateau = smoothed(curve, RULE), find_plateau(curve, RULE)
    print(plateau)
    fall = np.log(seen) - np.log(seen.shift(-RULE.window))
    with subplots(2, height=2.8, width=4.2) as (canvas, (above, below)):
        above.plot(curve, color=PALETTE[0], lw=0.8, label="as recorded")
        above.plot(seen, color=PALETTE[4], label="smoothed, spans 10 and 20")
        above.set(ylabel="mean squared error", yscale="log", xlabel="step")
        below.plot(fall, color=PALETTE[4], label="fall of ln over the next 20 steps")
        below.axhline(RULE.drop, color=PALETTE[5], ls="--", label="0.15")
        below.set(xlabel="step", ylim=(-0.1, 0.7))
        for axis in (above, below):
            if plateau.start is not None:
                end = plateau.start + plateau.length
                axis.axvspan(plateau.start, end, color=PALETTE[1], alpha=0.25, lw=0)
            axis.legend(loc="best")
        canvas.savefig(IMAGE, dpi=150)


if __name__ == "__main__":
    main()
