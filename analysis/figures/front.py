"""Metric against cost, a mark for every configuration of a search, and its Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure as Canvas

from analysis.figures.saved import Drawn, save
from analysis.figures.style import DPI, colours, name_of, turns
from analysis.figures.ticks import few_numbers

CAPTION = (
    "Every configuration of the search that has a number. The line joins those that no other "
    "one of the model beats in both."
)
MARKS = "os^Dv"  # one for each time the colours are used up


def draw_front(
    table: pd.DataFrame, metric: str, cost: str, folder: Path, pair: Sequence[str] = ()
) -> Drawn | None:
    """Draw `front.png` and `front.pdf` of the table of `front.with_costs`.

    `metric` and `cost` are the axes' words, `pair` the two models that the study compares. None if
    no configuration has a number.
    """
    drawn = table[table["reached"]]
    if drawn.empty:
        return None
    canvas = partial(_draw, drawn, metric, cost, pair)
    return save("front", "Metric against cost", CAPTION, folder, canvas)


def _draw(drawn: pd.DataFrame, metric: str, cost: str, pair: Sequence[str]) -> Canvas:
    models = sorted(drawn.index.unique("model"))
    canvas = Canvas(figsize=(6.4, 3.6), dpi=DPI, layout="constrained")
    axes = canvas.subplots()
    palette, turn = colours(models, pair), turns(models, pair)
    for model in models:
        points = drawn.loc[model].sort_values("cost")
        front = points[points["front"]]
        mark, color = MARKS[turn[model] % len(MARKS)], palette[model]
        axes.plot(points["cost"], points["value"], mark, color=color, alpha=0.35, mew=0, ms=4.5)
        axes.step(front["cost"], front["value"], color=color, lw=1.0, where="post")
        axes.plot(front["cost"], front["value"], mark, color=color, ms=5.5, label=name_of(model))
    axes.set_xscale("log")
    if (drawn["value"] > 0).all():
        axes.set_yscale("log")
        few_numbers(axes.yaxis)
    few_numbers(axes.xaxis)
    axes.set_xlabel(cost)
    axes.set_ylabel(metric)
    canvas.legend(loc="outside right upper")
    return canvas
