"""The phase diagram: every cell striped by how its runs end."""

from __future__ import annotations

from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch, Rectangle

from analysis.effects.matters import Matters
from analysis.effects.searched import REGIMES
from analysis.figures.effects.axes import name_levels, plain
from analysis.figures.style import DPI, INK, PLATEAU

COLOURS = dict(zip(REGIMES, (INK, "#b0568f", PLATEAU, "#8fc3e6", "#009e73"), strict=True))
SIDE = 0.92  # of a cell


def draw_phases(found: Matters) -> Canvas | None:
    """One panel; None with a single hyperparameter, or where all runs end alike."""
    if found.phases is None or found.searched.runs["regime"].nunique() < 2:
        return None
    (up, right), (rows, columns) = found.phases.axes, found.phases.names
    size = 3.6 + 0.75 * len(columns), max(0.9 + 0.45 * len(rows), 0.6 + 0.08 * len(up.key))
    canvas = Canvas(figsize=size, dpi=DPI, layout="constrained")
    axes = canvas.subplots()
    for row, column, *_ in found.phases.shares.reset_index().itertuples(index=False):
        cell = found.phases.shares.loc[(row, column)]
        begin, bottom = column - SIDE / 2, row - SIDE / 2
        for regime in REGIMES:
            width = SIDE * cell[regime]
            box = Rectangle((begin, bottom + 0.25), width, SIDE - 0.25, facecolor=COLOURS[regime])
            axes.add_patch(box)
            begin += width
        axes.text(column, bottom, f"{cell['runs']:.0f}", ha="center", va="bottom", fontsize=6)
    axes.set_xlim(-0.6, len(columns) - 0.4)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    name_levels(axes, columns)
    name_levels(axes, rows, along="y")
    axes.set_xlabel(plain(right.key))
    axes.set_ylabel(plain(up.key))
    axes.grid(visible=False)
    happened = [regime for regime in REGIMES if found.phases.shares[regime].any()]
    canvas.legend(
        handles=[Patch(color=COLOURS[regime], label=regime) for regime in happened],
        loc="outside right upper",
    )
    return canvas
