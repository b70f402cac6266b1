"""The effect of each hyperparameter on each target."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.effects.axes import Axis
from analysis.effects.marginals import at_values, running
from analysis.effects.matters import Matters
from analysis.effects.searched import END
from analysis.figures.effects.axes import is_log, label, panels, scale
from analysis.figures.style import INK, PAIR

EDGE = 1.06  # place of a run without a value, in parts of the panel's height
ASIDE = 0.28  # how far dots of one value are spread


def draw_marginals(found: Matters) -> Canvas | None:
    """A panel for each hyperparameter and target."""
    searched = found.searched
    targets = searched.shown_targets
    canvas, grid = panels(len(targets), len(found.axes), 2.2)
    for (target, of_target), line in zip(targets.items(), grid, strict=True):
        turned = target == str(searched.metric) and searched.metric.maximize
        values = -of_target if turned else of_target
        for axis, axes in zip(found.axes, line, strict=True):
            _panel(axes, axis, values, log=target != END and is_log(values))
            axes.set_ylabel(label(target))
    return canvas


def _panel(axes: Axes, axis: Axis, values: pd.Series[float], *, log: bool) -> None:
    known = np.isfinite(values)
    numbers = axis.numbers.loc[values.index]
    if log:
        axes.set_yscale("log")
    size = max(1.2, 3.5 - len(values) / 200)
    places = numbers + _aside(len(numbers)) if axis.levels else numbers
    dots: dict[str, Any] = {
        "color": PAIR[0],
        "markersize": size,
        "alpha": 0.35,
        "mew": 0,
        "rasterized": True,
    }
    axes.plot(places[known], values[known], "o", **dots)
    low, high = axes.get_ylim()
    _summary(axes, axis, values, (low, high))
    axes.set_ylim(low, high)
    if not known.any():
        axes.set_yticks([])
    if not known.all():
        edge = EDGE if (values > high).any() else 1 - EDGE
        at = [edge] * int((~known).sum())
        where = axes.get_xaxis_transform()
        axes.plot(places[~known], at, "^", transform=where, clip_on=False, **dots)
    scale(axes, axis)


def _aside(count: int) -> npt.NDArray[np.floating[Any]]:
    """Evenly spread in an order that does not follow the runs'."""
    return ASIDE * (2 * ((np.arange(count) * 0.618034) % 1) - 1)


def _summary(axes: Axes, axis: Axis, values: pd.Series[float], ends: tuple[float, float]) -> None:
    """Median and middle half, cut off at the ends of the panel."""
    table = (at_values if axis.levels else running)(axis, values).clip(*ends)
    lines: dict[str, Any] = {"color": INK, "zorder": 4, "clip_on": False}
    if axis.levels:
        axes.vlines(table.index, table["low"], table["high"], linewidth=2.4, alpha=0.7, **lines)
        begin, end = table.index - 0.3, table.index + 0.3
        axes.hlines(table["median"], begin, end, linewidth=1.6, **lines)
    else:
        axes.fill_between(table.index, table["low"], table["high"], color=INK, alpha=0.15, lw=0)
        axes.plot(table.index, table["median"], linewidth=1.4, **lines)
