"""What the figures of a search share: axes of hyperparameters and of targets, shades, panels."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.effects.axes import WIDE, Axis
from analysis.effects.searched import END
from analysis.figures.style import DPI
from analysis.figures.ticks import few_numbers
from analysis.wording import number

SHADES = "viridis"
ACROSS = 3  # panels side by side
LONG = 22  # letters of all ticks, from which they are set at an angle
ESCAPE = str.maketrans({"$": r"\$"})


def plain(words: str) -> str:
    """Words that matplotlib is not to read as mathematics."""
    return words.translate(ESCAPE)


def panels(groups: int, count: int, height: float) -> tuple[Canvas, list[list[Axes]]]:
    """A canvas with groups of so many panels, of this height in inches, and the panels by group.

    Each group begins a new line; its lines are equally long, at most ACROSS panels.
    """
    of_group = ceil(count / ACROSS)
    across = ceil(count / of_group)
    lines = groups * of_group
    size = max(4.2, 2.9 * across), height * lines
    canvas = Canvas(figsize=size, dpi=DPI, layout="constrained")
    grid = canvas.subplots(lines, across, squeeze=False).reshape(groups, -1)
    for spare in grid[:, count:].ravel():
        spare.remove()
    return canvas, grid[:, :count].tolist()


def name_levels(axes: Axes, names: Sequence[str], *, along: str = "x") -> None:
    """The names of an axis's levels at their places, at an angle where they are long."""
    at = range(len(names))
    words = list(map(plain, names))
    if along == "y":
        axes.set_yticks(at, words)
    elif sum(map(len, words)) > LONG:
        axes.set_xticks(at, words, rotation=35, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(at, words)


def scale(axes: Axes, axis: Axis) -> None:
    """The x axis of a hyperparameter: its values, or numbers on its scale."""
    axes.set_xlabel(plain(axis.key))
    if axis.levels:
        _, names = axis.cut()
        name_levels(axes, names)
        axes.set_xlim(-0.6, len(names) - 0.4)
        axes.grid(visible=False, axis="x")
    elif axis.log:
        axes.set_xscale("log")
        few_numbers(axes.xaxis)


def label(target: str) -> str:
    """A target as the label of an axis, with the unit of steps."""
    return "end of the plateau (step)" if target == END else plain(target)


def is_log(values: pd.Series[float]) -> bool:
    """Whether a target is to be seen on a logarithmic axis: positive, and over a factor of 10."""
    known = values[np.isfinite(values)]
    return len(known) > 0 and known.min() > 0 and known.max() > WIDE * known.min()


def shades(count: int) -> list[str]:
    """So many colours in order, dark to light; the lightest would vanish on white."""
    colours = mpl.colormaps[SHADES](np.linspace(0, 0.82, count))
    return [mpl.colors.to_hex(colour) for colour in colours]


def short(value: float) -> str:
    """A number for a cell of a heat map."""
    return f"{value:.2g}" if abs(value) < 100 else number(round(value))
