"""The effect of each hyperparameter on each target."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.effects.axes import Axis
from analysis.effects.marginals import at_values, running
from analysis.effects.matters import Matters
from analysis.figures.effects.axes import is_log, label, panels, scale
from analysis.figures.style import INK, PAIR

TOP = 1.06  # place of a run without a value, in parts of the panel's height
ASIDE = 0.28  # how far dots of one value are spread


def draw_marginals(found: Matters) -> Canvas | None:
    """A panel for each hyperparameter and target."""
    searched = found.searched
    shown = [(target, axis) for target in searched.targets for axis in found.axes]
    canvas, grid = panels(len(shown), 2.3)
    for axes, (target, axis) in zip(grid, shown, strict=True):
        values = searched.targets[target]
        if target == searched.metric and searched.direction == "maximize":
            values = -values
        _panel(axes, axis, values)
        axes.set_ylabel(label(target))
    return canvas


def _panel(axes: Axes, axis: Axis, values: pd.Series[float]) -> None:
    known = np.isfinite(values)
    numbers = axis.numbers.loc[values.index]
    if is_log(values):
        axes.set_yscale("log")
    size = max(1.2, 3.5 - len(values) / 200)
    places = numbers + _aside(len(numbers)) if axis.levels else numbers
    dots = {"color": PAIR[0], "markersize": size, "alpha": 0.35, "mew": 0, "rasterized": True}
    axes.plot(places[known], values[known], "o", **dots)
    _summary(axes, axis, values)
    scale(axes, axis)
    if not known.all():
        above = axes.get_xaxis_transform()
        axes.plot(
            places[~known], [TOP] * int((~known).sum()), "^", transform=above, clip_on=False, **dots
        )


def _aside(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Evenly spread in an order that does not follow the runs'."""
    return ASIDE * (2 * ((np.arange(count) * 0.618034) % 1) - 1)


def _summary(axes: Axes, axis: Axis, values: pd.Series[float]) -> None:
    table = at_values(axis, values) if axis.levels else running(axis, values)
    finite = table.replace([np.inf, -np.inf], np.nan)
    if axis.levels:
        highest = values[np.isfinite(values)].max()
        high = table["high"].clip(upper=highest)
        axes.vlines(table.index, table["low"], high, color=INK, linewidth=2.4, alpha=0.7)
        ends = table.index - 0.3, table.index + 0.3
        axes.hlines(finite["median"], *ends, color=INK, linewidth=1.6, zorder=4)
    else:
        axes.fill_between(table.index, finite["low"], finite["high"], color=INK, alpha=0.15, lw=0)
        axes.plot(table.index, finite["median"], color=INK, linewidth=1.4, zorder=4)
