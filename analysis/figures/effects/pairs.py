"""Heat maps of the strongest interactions."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure as Canvas

from analysis.effects.axes import WIDE
from analysis.effects.matters import Matters
from analysis.effects.pairs import Pair
from analysis.figures.effects.axes import name_levels, panels, plain, short

SHOWN = 2  # pairs of each target
LIGHT = 0.55  # of the colours' range, from where dark letters are read


def draw_pairs(found: Matters) -> Canvas | None:
    """A line of panels for each target: its strongest pairs that have a median."""
    turned = found.searched.metric.maximize
    known = {
        target: [pair for pair in of_target if np.isfinite(pair.medians).any(axis=None)][:SHOWN]
        for target, of_target in found.pairs.items()
    }
    shown = {target: strongest for target, strongest in known.items() if strongest}
    if not shown:
        return None
    canvas, grid = panels(len(shown), max(map(len, shown.values())), 2.6)
    for (target, strongest), line in zip(shown.items(), grid, strict=True):
        sign = -1.0 if turned and target == str(found.searched.metric) else 1.0
        for pair, axes in zip(strongest, line, strict=False):
            _panel(axes, pair, sign)
            axes.set_title(f"{plain(target)}\ninteraction {100 * pair.interaction:.0f} %")
        for spare in line[len(strongest) :]:
            spare.remove()
    return canvas


def _panel(axes: Axes, pair: Pair, sign: float) -> None:
    values = pair.medians.to_numpy(dtype=float)
    known = values[np.isfinite(values)]
    axes.grid(visible=False)
    name_levels(axes, pair.names[0], along="y")
    name_levels(axes, pair.names[1])
    axes.set_ylabel(plain(pair.axes[0].key))
    axes.set_xlabel(plain(pair.axes[1].key))
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    norm = (LogNorm if low > 0 and high > WIDE * low else Normalize)(low, high)
    axes.imshow(values, norm=norm, cmap="viridis", aspect="auto", origin="lower")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            dark = np.isfinite(value) and norm(value) <= LIGHT
            words = short(sign * value) if np.isfinite(value) else "never"
            looks: dict[str, Any] = {"fontsize": 6.5, "color": "white" if dark else "black"}
            axes.text(column, row, words, ha="center", va="center", **looks)
