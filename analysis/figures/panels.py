"""The two kinds of panels: curves over the steps, and distributions in and after the plateau."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isqrt

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.catalogue import Quantity
from analysis.figures.curves import Curve, Line, Part
from analysis.figures.style import PLATEAU, name_of

BINS = 32  # at most
HALF = 0.4  # half the width of a distribution, models being 1 apart
POINTS = 500  # at most, of a faint curve
LETTER, LINE = 0.07, 0.14  # inches that a letter is wide, and a line high
SHORT = 12  # letters of a name that is set level
LONGEST = 64  # letters of a model's name
MANY = 9  # models, beyond which names are upright
MEDIAN = 21  # steps of a running median


def trajectory_panel(axes: Axes, quantity: Quantity, curves: list[Curve], colour: str) -> None:
    """One model's curves: the first bold with its plateau marked, the others faint."""
    faint = max(0.12, 0.5 / len(curves) ** 0.5)
    for curve in curves[1:]:
        values = _running_median(curve.values) if quantity.noisy else curve.values
        thin = values.iloc[:: 1 + len(values) // POINTS]
        axes.plot(thin.index, thin, color=colour, linewidth=0.6, alpha=faint, rasterized=True)
    bold = curves[0].values
    if quantity.noisy:
        axes.plot(bold.index, bold, color=colour, linewidth=0.4, alpha=0.4)
        bold = _running_median(bold)
    axes.plot(bold.index, bold, color=colour, linewidth=1.3)
    mark_plateau(axes, curves[0].line)


def _running_median(values: pd.Series[float]) -> pd.Series[float]:
    """The running median over MEDIAN steps, of those that are recorded."""
    gap = float(np.median(np.diff(values.index))) if len(values) > 1 else 1.0
    return values.rolling(max(1, round(MEDIAN / gap)), center=True, min_periods=1).median()


def mark_plateau(axes: Axes, line: Line) -> None:
    """Red dashed lines at the first step of the plateau and at the first step after it."""
    start, left = line.plateau.start, line.plateau.end
    if start is None:
        return
    axes.axvspan(start, left or line.end, color=PLATEAU, alpha=0.05, linewidth=0, zorder=0)
    for step in (start, left):
        if step is not None:
            axes.axvline(step, color=PLATEAU, linestyle=(0, (4, 2.5)), linewidth=1.0, zorder=4)


def title(axes: Axes, model: str, line: Line, colour: str, letters: int = 16) -> None:
    """Above a model's column: its name, and the plateau of its bold run in words.

    The name is in lines of at most so many letters.
    """
    start, left = line.plateau.start, line.plateau.end
    words = "no plateau" if start is None else f"{start} to {left or 'the end'}"
    axes.set_title(name_of(model, letters), color=colour)
    axes.set_title(words, loc="right", color=PLATEAU, fontsize=7, fontweight="normal")


def distribution_panel(
    axes: Axes,
    quantity: Quantity,
    part: Part,
    models: dict[str, list[Curve]],
    palette: dict[str, str],
) -> None:
    """Every model's values in one part, side by side, on the value axis of the trajectories."""
    for place, (model, curves) in enumerate(models.items()):
        cut = [curve.at_end(part) if quantity.once else curve.part(part) for curve in curves]
        values = np.concatenate(cut)
        if quantity.log:
            values = values[values > 0]
        if len(values) == 0:
            axes.text(place, 0.5, "none", ha="center", transform=axes.get_xaxis_transform())
        elif quantity.once:
            _dots(axes, place, values, palette[model])
        else:
            _mirrored_histogram(axes, place, values, palette[model], log=quantity.log)
    names = _under_distributions(models)
    if _are_level(names):
        axes.set_xticks(range(len(names)), names)
    else:
        angle, va = (30, "baseline") if len(names) <= MANY else (90, "center")
        axes.set_xticks(
            range(len(names)), names, rotation=angle, ha="right", va=va, rotation_mode="anchor"
        )
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="x")


def _under_distributions(models: Iterable[str]) -> list[str]:
    """The models' names; of MANY in one line each, as they stand upright."""
    found = list(models)
    return [name_of(model, LONGEST if len(found) > MANY else 16) for model in found]


def _are_level(names: Sequence[str]) -> bool:
    return len(names) < 3 and max(map(len, names)) <= SHORT


def room_for_names(models: Iterable[str]) -> float:
    """Inches that names take above panels and below distributions beyond one short line."""
    names = _under_distributions(models)
    lines = max(name.count("\n") for name in names)
    letters = max(len(line) for name in names for line in name.split("\n"))
    below = 0.0 if _are_level(names) else LETTER * letters * (0.5 if len(names) <= MANY else 1)
    return LINE * lines + below


def _dots(axes: Axes, place: int, values: npt.NDArray[np.float64], colour: str) -> None:
    """One dot per run, spread sideways so that equal ones stay apart, and the median."""
    aside = np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else np.zeros(1)
    axes.plot(place + aside, values, "o", color=colour, markersize=3.2, alpha=0.75, mew=0)
    axes.hlines(np.median(values), place - HALF, place + HALF, color=colour, linewidth=1.6)


def _mirrored_histogram(
    axes: Axes, place: int, values: npt.NDArray[np.float64], colour: str, *, log: bool
) -> None:
    """Counts drawn to both sides, with the median and the middle half of the values."""
    bins = min(BINS, 4 + isqrt(len(values)))
    counts, edges = np.histogram(np.log10(values) if log else values, bins=bins)
    edges = 10**edges if log else edges
    width = HALF * np.append(counts, counts[-1]) / counts.max()
    axes.fill_betweenx(
        edges, place - width, place + width, step="post", color=colour, alpha=0.45, linewidth=0
    )
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    axes.vlines(place, low, high, color=colour, linewidth=3.2)
    axes.plot(place, median, "o", color="white", mec=colour, markersize=4, zorder=5)


def value_axis(axes: Axes, quantity: Quantity, models: dict[str, list[Curve]]) -> None:
    """Label and scale; a logarithmic axis begins at the lowest value from the plateau on.

    Where no value is positive the axis stays linear.
    """
    axes.set_ylabel(quantity.label)
    if not quantity.log:
        return
    curves = [curve for of_model in models.values() for curve in of_model]
    values = pd.concat([curve.values.loc[curve.line.plateau.start or 0 :] for curve in curves])
    if (values > 0).any():
        axes.set_yscale("log")
        axes.set_ylim(bottom=values[values > 0].min() / 1.4)
