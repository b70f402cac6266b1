"""``python -m benchmarks.grid IMAGES``: tables and figures of docs/results/plateaus-search.md.

Made from the data set of the reference study (``pinn_sweeps.data``): the tables are printed, the
figures ``plateaus-grid.png`` and ``plateaus-seeds.png`` go into the folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.effects.axes import axis_of
from analysis.effects.importance import importances
from benchmarks.command import Row
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from pinn_sweeps.data import plateaus

LAST = "final.loss/regression"
LEFT = 1.0
"""Last loss of a run that left its plateau for good: plateaus lie between 1.3 and 1.7."""
RATES = {1e-4: PALETTE[0], 5e-4: PALETTE[2], 1e-3: PALETTE[5]}
VARIED = {
    "network.activation": "activation",
    "network.width": "width",
    "network.depth": "depth",
    "objective.batch": "batch",
    "objective.lambda_b": "boundary weight",
    "phases.0.learning_rate": "learning rate",
}


def best(runs: pd.DataFrame, count: int = 3) -> list[Row]:
    """The best configurations of each model by the last loss."""
    return [
        {
            "model": model,
            "place": place,
            **{words: row[key] for key, words in VARIED.items() if pd.notna(row[key])},
            "last loss": row[LAST],
            "relative L2 error": row["final.error/relative_l2"],
            "plateau": f"{row['plateau.length']:.0f} from {row['plateau.start']:.0f}",
        }
        for model, group in runs[runs["stage"] == "search"].groupby("model")
        for place, (_, row) in enumerate(group.nsmallest(count, LAST).iterrows(), 1)
    ]


def leaving(runs: pd.DataFrame) -> list[Row]:
    """How many configurations came below LEFT, by model, batch, weight and learning rate."""
    search = runs[runs["stage"] == "search"].fillna({"objective.lambda_b": 0.0})
    keys = ["model", "objective.batch", "objective.lambda_b"]
    rows = []
    for (model, batch, weight), group in search.groupby(keys):
        below = group[group[LAST] < LEFT]
        rates = {
            f"rate {rate:g}": f"{(below['phases.0.learning_rate'] == rate).sum()} of {len(part)}"
            for rate, part in group.groupby("phases.0.learning_rate")
        }
        its_weight = weight if model == "pinn" else None
        about = {"model": model, "batch": batch, VARIED["objective.lambda_b"]: its_weight}
        rows.append({**about, **rates, "lowest last loss": group[LAST].min()})
    return rows


def important(runs: pd.DataFrame) -> list[Row]:
    """What matters for the last loss and for the plateau, PED-ANOVA's shares."""
    found = []
    for model, group in runs[runs["stage"] == "search"].set_index("run_id").groupby("model"):
        axes = [axis_of(key, group[key]) for key in VARIED if group[key].notna().all()]
        for target in (LAST, "plateau.length"):
            about = {"model": model, "for": target.removeprefix("final.")}
            shares = importances(axes, group[target].astype(float))
            found += [(about, one) for one in shares]
    return [
        {
            **about,
            "hyperparameter": VARIED[one.key],
            "share": f"{one.share:.2f} [{one.low:.2f}, {one.high:.2f}]",
            "beyond chance": "yes" if one.beyond_chance else "no",
        }
        for about, one in found
    ]


def pairs(runs: pd.DataFrame) -> pd.DataFrame:
    """PINNs and regression models of the same network and rate, both of whose plateaus ended.

    Both came below LEFT, so that it was not left for a moment only. The PINN's batch is full and
    its weight 100, the regression model's batch 512.
    """
    ended = (runs[LAST] < LEFT) & ~runs["plateau.censored"].astype(bool)
    search = runs[(runs["stage"] == "search") & ended]
    keys = [key for key in VARIED if not key.startswith("objective")]
    chosen = {
        "pinn": search[(search["objective.batch"] == "full") & (search["model"] == "pinn")],
        "regression": search[
            (search["objective.batch"] == "512") & (search["model"] == "regression")
        ],
    }
    one, other = (group.set_index(keys)["plateau.length"] for group in chosen.values())
    both = pd.concat([one, other], axis=1, keys=list(chosen), join="inner").astype(float)
    return both.assign(ratio=both["pinn"] / both["regression"])


def grid_figure(runs: pd.DataFrame, file: Path) -> None:
    """The last loss of every configuration, in columns by model, batch and weight."""
    search = runs[runs["stage"] == "search"]
    groups = list(_groups(search))
    with subplots(width=7.5, height=3.6) as (canvas, (axis,)):
        for place, (_, group) in enumerate(groups):
            spread = np.linspace(-0.35, 0.35, len(group))
            order = group.sort_values("phases.0.learning_rate")
            for rate, color in RATES.items():
                chosen = (order["phases.0.learning_rate"] == rate).to_numpy()
                label = f"learning rate {rate:g}" if place == 0 else None
                axis.plot(
                    place + spread[chosen], order[LAST][chosen], ".",
                    color=color, markersize=3, label=label,
                )  # fmt: skip
        axis.axhline(LEFT, color="black", linewidth=0.5)
        axis.set_yscale("log")
        axis.set_xticks(range(len(groups)), [name for name, _ in groups])
        axis.set_ylabel("mean squared error after 1 000 updates")
        axis.grid(visible=False, axis="x")
        axis.legend(loc="lower left")
        saved(canvas, file)


def _groups(search: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for model, weights in (("pinn", (1.0, 100.0)), ("regression", (None,))):
        for weight in weights:
            for batch in ("128", "256", "512", "full"):
                group = search[(search["model"] == model) & (search["objective.batch"] == batch)]
                if weight is not None:
                    group = group[group["objective.lambda_b"] == weight]
                if len(group):
                    name = "PINN" if model == "pinn" else "regr."
                    extra = f"\nλ = {weight:g}" if weight else ""
                    yield f"{name}\n{batch}{extra}", group


def seeds_figure(runs: pd.DataFrame, file: Path) -> None:
    """Losses over the steps and plateau lengths of the seeds of the best of each model."""
    with subplots(2, width=4.2, height=3.0) as (canvas, (curves, lengths)):
        for model, color in (("pinn", PALETTE[5]), ("regression", PALETTE[4])):
            group = runs[(runs["stage"] == "rerun") & (runs["model"] == model)]
            for _, run in group.iterrows():
                curves.plot(
                    run["curve.step"], run["curve.loss/regression"],
                    color=color, alpha=0.15, linewidth=0.8,
                )  # fmt: skip
            name = "PINN" if model == "pinn" else "regression model"
            lengths.hist(
                group["plateau.length"].astype(float), bins=range(150, 700, 25),
                color=color, alpha=0.6, label=f"{name}, {len(group)} seeds",
            )  # fmt: skip
        curves.set_yscale("log")
        curves.set(xlabel="step", ylabel="mean squared error")
        lengths.set(xlabel="steps on the plateau", ylabel="seeds")
        lengths.margins(y=0.4)
        lengths.legend()
        saved(canvas, file)


def main() -> None:
    """Print the tables; write the figures into the folder that is named."""
    folder, runs = Path(sys.argv[1]), plateaus()
    for rows in (best(runs), leaving(runs), important(runs)):
        print(markdown_table(rows), end="\n\n")
    both = pairs(runs).reset_index().rename(columns=VARIED)
    print(markdown_table([dict(row) for _, row in both.iterrows()]))
    grid_figure(runs, folder / "plateaus-grid.png")
    seeds_figure(runs, folder / "plateaus-seeds.png")


if __name__ == "__main__":
    main()
