"""Heat maps of the strongest interactions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure as Canvas

from analysis.effects.matters import Matters
from analysis.effects.pairs import Pair
from analysis.figures.effects.axes import name_levels, panels, plain, short

SHOWN = 2  # pairs of each target
LIGHT = 0.55  # of the colours' range, from where dark letters are read


def draw_pairs(found: Matters) -> Canvas | None:
    """A panel for each of the strongest pairs of each target."""
    shown = [
        (target, pair) for target, of_target in found.pairs.items() for pair in of_target[:SHOWN]
    ]
    if not shown:
        return None
    canvas, grid = panels(
        len(shown), 2.6, across=min(SHOWN, len(found.pairs[found.searched.metric]))
    )
    turned = found.searched.direction == "maximize"
    for axes, (target, pair) in zip(grid, shown, strict=True):
        _panel(axes, pair, sign=-1.0 if turned and target == found.searched.metric else 1.0)
        axes.set_title(f"{plain(target)}\ninteraction {100 * pair.interaction:.0f} %")
    return canvas


def _panel(axes: Axes, pair: Pair, sign: float) -> None:
    values = pair.medians.to_numpy(dtype=float)
    known = values[np.isfinite(values)]
    axes.grid(visible=False)
    name_levels(axes, pair.names[0], along="y")
    name_levels(axes, pair.names[1])
    axes.set_ylabel(plain(pair.axes[0].key))
    axes.set_xlabel(plain(pair.axes[1].key))
    if not len(known):
        return
    log = known.min() > 0 and known.max() > 10 * known.min()
    norm = (LogNorm if log else Normalize)(known.min(), known.max())
    axes.imshow(values, norm=norm, cmap="viridis", aspect="auto", origin="lower")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            words = short(sign * value) if np.isfinite(value) else "never"
            light = np.isfinite(value) and norm(value) > LIGHT
            axes.text(
                column,
                row,
                words,
                ha="center",
                va="center",
                fontsize=6.5,
                color="black" if light or not np.isfinite(value) else "white",
            )
