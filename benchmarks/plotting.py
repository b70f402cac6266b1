"""Figures of the page: one look for all, drawn without a display."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

PALETTE = ("#999999", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#000000")
"""Distinct for colour-blind readers (Okabe and Ito 2008)."""

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


@contextmanager
def subplots(
    count: int = 1, height: float = 3.0, width: float = 4.0
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with ``count`` axes side by side, each so many inches wide and high."""
    with rc_context(STYLE):
        canvas = Figure(figsize=(width * count, height), layout="constrained")
        FigureCanvasAgg(canvas)
        yield canvas, list(canvas.subplots(1, count, squeeze=False)[0])


def plain_log(axes: Axes, name: Literal["x", "y"]) -> None:
    """Make the x or y axis logarithmic, labelled 1, 2, 5, 10, 20 and so on."""
    (axes.set_xscale if name == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def grouped_bars(
    axis: Axes, groups: Sequence[str], series: Mapping[str, Sequence[Sequence[float]]]
) -> None:
    """For every name of ``series`` a bar in every group: the median of its values, and their range.

    A group without values has no bar.
    """
    width = 0.8 / len(series)
    for place, (name, by_group) in enumerate(series.items()):
        there = [(number, values) for number, values in enumerate(by_group) if values]
        middles = [median(values) for _, values in there]
        axis.bar(
            [number + (place - (len(series) - 1) / 2) * width for number, _ in there],
            middles,
            width,
            yerr=[
                [middle - min(values) for middle, (_, values) in zip(middles, there, strict=True)],
                [max(values) - middle for middle, (_, values) in zip(middles, there, strict=True)],
            ],
            color=PALETTE[(place + 1) % len(PALETTE)],
            label=name,
        )
    axis.set_xticks(range(len(groups)), groups)
    axis.grid(visible=False, axis="x")


def saved(canvas: Figure, file: Path) -> None:
    """Write the figure as PNG; the same figure is the same file."""
    canvas.savefig(file, dpi=150, metadata={"Software": ""})
