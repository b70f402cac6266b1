"""``python -m benchmarks.means IMAGES``: what one seed of a configuration says about further seeds.

From the reference study's seed 0 and the seeds of ``benchmarks.reseeded`` (both in
``pinn_sweeps.data``): the tables of docs/results/plateaus-search.md are printed, the figure
``plateaus-means.png`` goes into the folder. A mean is that of the last loss over the new seeds
alone: seed 0 chose the best 20, and is too good there for what it stands for.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.command import Row
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, plain_log, saved, subplots
from benchmarks.reseeded import COLUMN, LAST
from pinn_sweeps.data import plateaus, reseeded

TITLES = {"pinn": "PINN", "regression": "regression model"}
SETS = {"best": "the best 20 of seed 0", "random": "40 random configurations"}


@dataclass(frozen=True)
class Means:
    """One model's configurations with new seeds, by their run of seed 0."""

    losses: pd.DataFrame
    """Last losses: a row for each configuration, a column for each new seed."""
    first: pd.Series[float]
    """The last losses of seed 0, at full size."""
    sets: pd.DataFrame
    """Whether a configuration is of the best 20, and of the random ones."""

    @classmethod
    def of(cls, model: str) -> Means:
        """From the data sets."""
        rows, grid = reseeded(), plateaus().set_index("run_id")
        rows = rows[rows["model"] == model]
        losses = rows.pivot_table(COLUMN, "like", "seed")
        sets = rows.groupby("like")[list(SETS)].first()
        return cls(losses, grid.loc[losses.index, LAST], sets)

    @cached_property
    def means(self) -> pd.Series[float]:
        """Over the new seeds."""
        return self.losses.mean(axis=1)

    @cached_property
    def over(self) -> pd.Series[float]:
        """The mean of each over the lowest mean."""
        return self.means / self.means.min()


def chosen_by_one_seed(model: str, about: Means) -> list[Row]:
    """For each seed its best configuration, judged by the mean over the new seeds but this."""
    rows = []
    for seed in (0, *about.losses):
        others = about.losses.drop(columns=seed, errors="ignore").mean(axis=1)
        best = (about.losses[seed] if seed else about.first).idxmin()
        rows.append(
            {
                "model": model,
                "seed": seed,
                "place of its best": int((others < others[best]).sum()) + 1,
                "over the lowest mean": float(others[best] / others.min()),
            }
        )
    return rows


def spreads(model: str, about: Means) -> list[Row]:
    """For each set: how far seeds and configurations spread, and how seed 0 ranks them.

    Spreads are standard deviations of the logarithm of the last loss: that of a configuration's
    new seeds (root of the mean variance), and that of the means of the configurations.
    """
    rows = []
    for name, words in SETS.items():
        inside = about.sets.index[about.sets[name]]
        logs = np.log(about.losses.loc[inside])
        means, first = about.means[inside], about.first[inside]
        rows.append(
            {
                "model": model,
                "set": words,
                "between seeds": float(np.sqrt(logs.var(axis=1).mean())),
                "between configurations": float(np.log(means).std()),
                "rank correlation of seed 0 with the means": float(
                    first.corr(means, method="spearman")
                ),
                "new mean over seed 0's (median)": float((means / first).median()),
            }
        )
    return rows


def figure(models: dict[str, Means], file: Path) -> None:
    """The means and ranges of the new seeds over the last loss of seed 0."""
    with subplots(len(models), width=4.2, height=3.4) as (canvas, axes):
        for axis, (model, about) in zip(axes, models.items(), strict=True):
            for name, color in (("random", PALETTE[0]), ("best", PALETTE[5])):
                inside = about.sets.index[about.sets[name]]
                first, means, losses = about.first[inside], about.means[inside], about.losses
                low, high = losses.loc[inside].min(axis=1), losses.loc[inside].max(axis=1)
                axis.vlines(first, low, high, color=color, linewidth=0.8)
                axis.plot(first, means, "o", color=color, markersize=3, label=SETS[name])
            ends = [about.first.min(), about.first.max()]
            axis.plot(ends, ends, color="black", linewidth=0.5)
            plain_log(axis, "x")
            plain_log(axis, "y")
            axis.set(title=TITLES[model], xlabel="last loss of seed 0")
        axes[0].set_ylabel("last loss of new seeds: mean, range")
        axes[0].legend(loc="upper left")
        saved(canvas, file)


def main() -> None:
    """Print the tables; write the figure into the folder that is named."""
    models = {model: Means.of(model) for model in TITLES}
    for told in (spreads, chosen_by_one_seed):
        rows = [row for model, about in models.items() for row in told(model, about)]
        print(markdown_table(rows), end="\n\n")
    figure(models, Path(sys.argv[1]) / "plateaus-means.png")


if __name__ == "__main__":
    main()
