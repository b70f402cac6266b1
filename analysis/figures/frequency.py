"""The error by spatial frequency over the steps: which band falls when."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure as Canvas

from analysis.figures.curves import Line
from analysis.figures.landscape import MOST, Models
from analysis.figures.panels import mark_plateau
from analysis.figures.style import DPI, name_of

PREFIX = "frequency/"
BANDS = 8  # at most, of the lowest frequencies
SMALLEST = 1e-4  # of a panel's largest value: what is below is rounding


def frequency(models: Models, runs: pd.DataFrame, pair: Sequence[str]) -> Canvas | None:  # noqa: ARG001
    """A row per model, a column per axis: each band's error of the bold seed, and its plateau."""
    bands = {model: _bands(lines[0]) for model, lines in models.items()}
    shown = [model for model in models if bands[model]][:MOST]
    axes = list(dict.fromkeys(axis for model in shown for axis in bands[model]))
    if not shown:
        return None
    size = (1.6 + 3.2 * len(axes), 0.5 + 2.2 * len(shown))
    canvas = Canvas(figsize=size, dpi=DPI, layout="constrained")
    grid = canvas.subplots(len(shown), len(axes), squeeze=False, sharey=True)
    for row, model in zip(grid, shown, strict=True):
        for panel, axis in zip(row, axes, strict=True):
            curves = bands[model].get(axis, {})
            palette = mpl.colormaps["viridis"].resampled(len(curves) + 1)
            for place, (band, values) in enumerate(curves.items()):
                panel.plot(values.index, values, color=palette(place), linewidth=1.1, label=band)
            mark_plateau(panel, models[model][0])
            panel.set_title(f"{name_of(model)}: along {axis}")
            panel.set_yscale("log")
            panel.set_xlabel("step (updates)")
        row[0].set_ylabel("relative L2 error in the band\n(dimensionless)")
    grid[0, -1].legend(title="half-waves", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    largest = max(
        values.max() for model in shown for of in bands[model].values() for values in of.values()
    )
    low, _ = grid[0, 0].get_ylim()
    grid[0, 0].set_ylim(bottom=max(low, SMALLEST * largest))
    return canvas


def _bands(line: Line) -> dict[str, dict[str, pd.Series]]:
    """By axis and band, the lowest frequencies first, what a run recorded."""
    found: dict[str, dict[str, pd.Series]] = {}
    for name in map(str, line.trajectory):
        if name.startswith(PREFIX) and len(values := line.column(name)):
            _, axis, band = name.split("/")
            found.setdefault(axis, {})[band] = values
    return {
        axis: {
            band: of[band] for band in sorted(of, key=lambda band: int(band.split("-")[0]))[:BANDS]
        }
        for axis, of in found.items()
    }
