"""What moves before the plateau ends: the columns over the steps from the drop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis import estimates
from analysis.explanations.alignment import Aligned
from analysis.explanations.change import Values
from analysis.explanations.explained import Explanations
from analysis.explanations.lead import Lead
from analysis.figures.effects.axes import panels, plain
from analysis.figures.saved import Drawn, save
from analysis.figures.style import PLATEAU, colours, name_of

MOST = 12
"""Panels, the loss's among them."""
MODELS = 6
"""Models that are drawn."""
CAPTION = (
    "Every run is moved so that its drop, the change of the curve from which plateaus are read, "
    "lies at 0 (red). Line: median over the runs; shade: its 95 % interval at each step by itself, "
    "by order statistics, where five runs have a value. Bar at the top: the 95 % interval of when "
    "a column changes, the estimate as a dot, if its change is tied to the drop; left of 0 it "
    "comes before the drop. {chosen}"
)


def draw_explanations(found: Explanations, folder: Path, pair: Sequence[str] = ()) -> Drawn | None:
    """Draw `explanations.png|pdf` into the folder; None where no model has runs about drops."""
    if not found.aligned:
        return None
    shown = found.aligned[:MODELS]
    columns = _chosen(found)
    total = len({name for of in found.aligned for name in of.columns})
    left = total + 1 - len(columns)
    chosen = f"Of {total} columns those with the closest ties are shown." if left > 0 else ""
    return save(
        "explanations",
        "What moves before the plateau ends",
        CAPTION.format(chosen=chosen).strip(),
        folder,
        lambda: _draw(found, shown, columns, pair),
    )


def _chosen(found: Explanations) -> list[str]:
    """The curve of the plateaus, then the columns with the smallest p-values of their tie."""
    ties: dict[str, float] = {}
    for one in found.leads:
        p = 2.0 if one.tied is None else one.tied
        ties[one.column] = min(p, ties.get(one.column, 2.0))
    closest = sorted(ties, key=lambda name: ties[name])[: MOST - 1]
    return [found.aligned[0].curve, *(name for name in ties if name in closest)]


def _draw(
    found: Explanations, models: Sequence[Aligned], columns: Sequence[str], pair: Sequence[str]
) -> Canvas:
    palette = colours([of.model for of in models], pair)
    leads = {(one.model, one.column): one for one in found.leads}
    canvas, (grid,) = panels(1, len(columns), 1.9)
    for axes, column in zip(grid, columns, strict=False):
        with_column = [of for of in models if column in of.curves]
        if all(column in of.logarithmic for of in with_column):
            axes.set_yscale("log")
        for place, of in enumerate(with_column):
            _curve(axes, of, column, palette[of.model])
            _mark(axes, leads.get((of.model, column)), palette[of.model], place)
        axes.axvline(0, color=PLATEAU, linestyle=(0, (4, 2.5)), linewidth=1.0, zorder=1)
        axes.set_title(plain(column), fontsize=7.5)
        axes.set_xlabel("steps from the drop")
    if len(models) > 1:
        lines, names = grid[0].get_legend_handles_labels()
        canvas.legend(lines, names, loc="outside upper center", ncols=len(lines), fontsize=7)
    return canvas


def _curve(axes: Axes, of: Aligned, column: str, colour: str) -> None:
    """The median over runs with its interval; logarithms as values."""
    values = of.windows(column)
    if column in of.logarithmic:
        values = np.exp(values)
    steps = np.arange(-of.reach, of.reach + 1) * of.cadence
    low, median, high = _medians(values)
    axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(steps, median, color=colour, linewidth=1.2, label=name_of(of.model, 24))


def _medians(values: Values) -> tuple[Values, Values, Values]:
    """Of every row of the window the median over runs between the ends of its interval."""
    found = np.full((3, values.shape[1]), np.nan)
    for place, row in enumerate(values.T):
        known = row[np.isfinite(row)]
        if len(known):
            estimate = estimates.median(known)
            low, high = estimate.interval or (np.nan, np.nan)
            found[:, place] = low, estimate.number, high
    return found[0], found[1], found[2]


def _mark(axes: Axes, lead: Lead | None, colour: str, place: int) -> None:
    """When the column changes, at the top of its panel."""
    if lead is None or not lead.is_tied or lead.estimate is None or lead.estimate.interval is None:
        return
    low, high = lead.estimate.interval
    at, up = axes.get_xaxis_transform(), 0.96 - 0.06 * place
    axes.plot([-high, -low], [up, up], color=colour, linewidth=2.2, transform=at, zorder=5)
    axes.plot(
        -lead.estimate.number, up, "o", color="white", mec=colour, ms=3.2, transform=at, zorder=6
    )
