"""How much each hyperparameter matters, for each target."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.effects.importance import Importance
from analysis.effects.matters import Matters
from analysis.figures.effects.axes import plain
from analysis.figures.style import DPI, PAIR

CHANCE = "#d0d0d0"


def draw_importances(found: Matters) -> Canvas | None:
    """A panel for each target of which they are known; the rows in the order of the first."""
    known = {target: of for target, of in found.importances.items() if of}
    if not known:
        return None
    keys = [axis.key for axis in found.axes]
    size = 2.2 + 3.2 * len(known), 0.9 + 0.26 * len(keys)
    canvas = Canvas(figsize=size, dpi=DPI, layout="constrained")
    grid = canvas.subplots(1, len(known), sharey=True, squeeze=False)[0]
    for axes, (target, of_target) in zip(grid, known.items(), strict=True):
        _panel(axes, of_target, keys)
        axes.set_title(f"for {plain(target)}")
    grid[0].set_yticks(range(len(keys)), list(map(plain, keys)))
    grid[0].set_ylim(len(keys) - 0.4, -0.6)
    return canvas


def _panel(axes: Axes, known: Sequence[Importance], keys: Sequence[str]) -> None:
    for one in known:
        place = keys.index(one.key)
        axes.barh(place, min(1.0, one.chance), height=0.8, color=CHANCE, zorder=1)
        axes.hlines(place, one.low, one.high, color=PAIR[0], linewidth=1.6, zorder=3)
        filled = PAIR[0] if one.beyond_chance else "white"
        axes.plot(one.share, place, "o", color=filled, mec=PAIR[0], mew=1.2, ms=5, zorder=4)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of all importances")
    axes.grid(visible=False, axis="y")
