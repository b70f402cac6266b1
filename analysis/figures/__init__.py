"""The paper's figures 1 to 6, as PNG and PDF, and those of weights and loss landscape.

Each of the paper's has a panel of trajectories per model, with the plateau of the bold seed between
red dashed lines, and at the right, on the same value axis, the distributions inside the plateau and
after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure as Canvas

from analysis.figures.catalogue import FIGURES, Figure, Row
from analysis.figures.curves import PARTS, lines_of
from analysis.figures.panels import (
    MEDIAN,
    distribution_panel,
    title,
    trajectory_panel,
    value_axis,
)
from analysis.figures.sheets import SHEETS, Sheet
from analysis.figures.style import DPI, STYLE, colours
from analysis.load import StudyData
from analysis.plateau import PlateauRule

__all__ = ["FIGURES", "READING", "SHEETS", "Drawn", "Figure", "Sheet", "draw_figures"]

READING = (
    "Bold: the seed whose plateau has the median length; faint: the other seeds. Cosines are drawn "
    f"as running medians over {MEDIAN} steps, with the bold seed's raw values behind. Red dashed: "
    "the first step of the bold seed's plateau and the first step after it. At the right: all "
    "steps of all seeds in the plateau and after it, with their median and middle half, each "
    "width scaled to its own peak."
)


@dataclass(frozen=True)
class Drawn:
    """A figure that was drawn, and its two files."""

    figure: Figure | Sheet
    png: Path
    pdf: Path


def draw_figures(
    data: StudyData, directory: str | Path, rule: PlateauRule, runs: Iterable[str]
) -> list[Drawn]:
    """Draw the figures of FIGURES, of these runs, into the directory, which is made if need be.

    A figure, or a row of one, is left out if no run has its quantity; those of SHEETS follow.
    """
    models = lines_of(data, rule, runs)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    rows = ((figure, figure.curves(models)) for figure in FIGURES)
    with mpl.rc_context(STYLE):
        drawn = [_save(figure, _draw(found), folder) for figure, found in rows if found]
        sheets = ((sheet, sheet.draw(models, data.runs)) for sheet in SHEETS if models)
        return drawn + [_save(sheet, canvas, folder) for sheet, canvas in sheets if canvas]


def _save(figure: Figure | Sheet, canvas: Canvas, folder: Path) -> Drawn:
    """Printed by its canvases: savefig draws everything twice."""
    png, pdf = (folder / f"{figure.slug}.{suffix}" for suffix in ("png", "pdf"))
    FigureCanvasAgg(canvas).print_png(png)  # type: ignore[no-untyped-call]
    canvas.set_layout_engine("none")  # the PDF as laid out for the PNG
    FigureCanvasPdf(canvas).print_pdf(  # type: ignore[no-untyped-call]
        pdf, metadata={"CreationDate": None}
    )
    return Drawn(figure, png, pdf)


def _draw(rows: list[Row]) -> Canvas:
    models = rows[0][1]
    palette = colours(models)
    count = len(models)
    size = 2.4 + 2.4 * count, 0.4 + 1.95 * len(rows)  # inches; of two models, a journal's page
    canvas = Canvas(figsize=size, dpi=DPI, layout="constrained")
    grid = canvas.subplots(
        len(rows),
        count + len(PARTS),
        sharex="col",
        sharey="row",
        squeeze=False,
        width_ratios=[1.9] * count + [0.45 + 0.4 * count] * len(PARTS),
    )
    for axes, (quantity, curves) in zip(grid, rows, strict=True):
        for panel, model in zip(axes, models, strict=False):
            trajectory_panel(panel, quantity, curves[model], palette[model])
        for panel, part in zip(axes[count:], PARTS, strict=True):
            distribution_panel(panel, quantity, part, curves, palette)
        value_axis(axes[0], quantity, curves)
    for panel, (model, curves_of_model) in zip(grid[0], models.items(), strict=False):
        title(panel, model, curves_of_model[0].line, palette[model])
    for panel, words in zip(grid[0, count:], PARTS.values(), strict=True):
        panel.set_title(words)
    for panel in grid[-1, :count]:
        panel.set_xlabel("step (updates)")
    return canvas
