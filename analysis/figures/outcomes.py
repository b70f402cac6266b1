"""Loss against error, a mark for every run: how far a small loss means a good solution."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.figures.saved import Drawn, save
from analysis.figures.style import DPI, INK, colours, name_of, turns
from analysis.figures.ticks import few_numbers
from analysis.rules import WrongSolutionRule

CAPTION = (
    "Every run of the search and of the reruns, at its end; both axes logarithmic. The loss is "
    "what is optimised, with its weights, on the evaluation points: models with other weights have "
    "another scale. Crossed out: low loss, wrong solution, that is a loss of at most {loss:g} of "
    "that of the first row with an error above {error:g} (dotted)."
)
MARKS = "os^Dv"  # one for each time the colours are used up
COLUMN = 12  # models in a column of the legend


def draw_outcomes(
    table: pd.DataFrame, rule: WrongSolutionRule, folder: Path, pair: Sequence[str] = ()
) -> Drawn | None:
    """Draw `loss-error.png` and `loss-error.pdf` of the table of `outcomes.outcomes`.

    `pair` are the two models that the study compares. None if no run has both a loss and an error
    above zero.
    """
    drawn = table[(table["loss"] > 0) & (table["error"] > 0)]
    if drawn.empty:
        return None
    caption = CAPTION.format(loss=rule.loss, error=rule.error)
    canvas = partial(_draw, drawn, rule, sorted(table["model"].unique()), pair)
    return save("loss-error", "Loss against error", caption, folder, canvas)


def _draw(
    drawn: pd.DataFrame, rule: WrongSolutionRule, models: list[str], pair: Sequence[str]
) -> Canvas:
    canvas = Canvas(figsize=(6.4, 3.8), dpi=DPI, layout="constrained")
    axes = canvas.subplots()
    palette, turn = colours(models, pair), turns(models, pair)
    alpha = max(0.25, 0.9 / max(1.0, len(drawn) / 100) ** 0.5)
    for model in models:
        runs = drawn[drawn["model"] == model]
        axes.plot(
            runs["loss"],
            runs["error"],
            MARKS[turn[model] % len(MARKS)],
            color=palette[model],
            markersize=4.5,
            mew=0,
            alpha=alpha,
            label=name_of(model, 28),
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    _flags(axes, drawn[drawn["wrong"]], rule)
    for axis in (axes.xaxis, axes.yaxis):
        few_numbers(axis)
    axes.set_xlabel("final loss, what is optimised (loss units)")
    axes.set_ylabel("final relative L2 error (dimensionless)")
    legend = canvas.legend(loc="outside right upper", ncols=1 + len(models) // COLUMN)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return canvas


def _flags(axes: Axes, runs: pd.DataFrame, rule: WrongSolutionRule) -> None:
    if runs.empty:
        return
    axes.axhline(rule.error, color=INK, linestyle=":", linewidth=0.8, zorder=1)
    axes.plot(
        runs["loss"],
        runs["error"],
        "x",
        color=INK,
        markersize=7,
        mew=1.1,
        label="low loss,\nwrong solution",
    )
