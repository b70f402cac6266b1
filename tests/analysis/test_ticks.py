"""Ticks of logarithmic axes: enough of them, and none in the way of the next."""

from __future__ import annotations

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from analysis.figures.style import DPI, STYLE
from analysis.figures.ticks import few_numbers

GAP = 0.02 * DPI
"""Pixels between two numbers that can be told apart."""


def labels(axis: Axis) -> list[tuple[str, float, float]]:
    """The words at the ticks in view with both ends of each along the axis, in pixels."""
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    shown = [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown if text.get_text()]
    along = 0 if axis.axis_name == "x" else 1
    return sorted(
        ((words, box.min[along], box.max[along]) for words, box in boxes), key=lambda one: one[1]
    )


def without_collisions(axis: Axis) -> bool:
    """Whether at least two numbers stand at the ticks, all of them different and apart."""
    found = labels(axis)
    apart = all(end + GAP < begin for (_, _, end), (_, begin, _) in pairwise(found))
    return apart and len(found) == len({words for words, _, _ in found}) >= 2


@pytest.mark.parametrize("size", [(6.4, 3.8), (2.9, 2.2)])
@pytest.mark.parametrize("low", [1e-4, 2.7e-3, 0.9, 2.6, 57.0])
@pytest.mark.parametrize("ratio", [1.3, 3.0, 6.0, 11.0, 33.0, 70.0, 150.0, 1e4])
def test_no_number_runs_into_the_next(size: tuple[float, float], low: float, ratio: float) -> None:
    with mpl.rc_context(STYLE):
        canvas = Figure(figsize=size, dpi=DPI, layout="constrained")
        axes = canvas.subplots()
        axes.plot(np.geomspace(low, low * ratio, 5), np.geomspace(low, low * ratio, 5), "o")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylabel("of a second axis")
        for axis in (axes.xaxis, axes.yaxis):
            few_numbers(axis)
        canvas.draw_without_rendering()
    assert without_collisions(axes.xaxis), labels(axes.xaxis)
    assert without_collisions(axes.yaxis), labels(axes.yaxis)
