"""The paper's figures 1 to 6, as PNG and PDF, and those of weights and loss landscape.

Each of the paper's has a panel of trajectories per model, with the plateau of the bold seed between
red dashed lines, and at the right, on the same value axis, the distributions inside the plateau and
after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, pairwise
from math import ceil
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.figure import SubFigure

from analysis.figures.catalogue import FIGURES, Figure, Quantity, Row, losses, of_unknowns
from analysis.figures.curves import PARTS, Curve, lines_of
from analysis.figures.landscape import Models
from analysis.figures.panels import (
    MEDIAN,
    distribution_panel,
    room_for_names,
    title,
    trajectory_panel,
    value_axis,
)
from analysis.figures.remedies import draw_remedies
from analysis.figures.saved import Drawn, save
from analysis.figures.sheets import SHEETS, Sheet
from analysis.figures.style import DPI, DPI_OF_MANY, STYLE, colours
from analysis.load import StudyData
from analysis.rules import PlateauRule
from analysis.unknowns import unknown_names

__all__ = [
    "FIGURES",
    "READING",
    "SHEETS",
    "Drawn",
    "Figure",
    "Sheet",
    "draw_figures",
    "draw_remedies",
]

ACROSS = 3  # models side by side at most

READING = (
    "Bold: the seed whose plateau has the median length; faint: the other seeds. Cosines are drawn "
    f"as running medians over {MEDIAN} steps, with the bold seed's raw values behind. Red dashed: "
    "the first step of the bold seed's plateau and the first step after it. Beside (or below): all "
    "steps of all seeds in the plateau and after it, with their median and middle half, each "
    "width scaled to its own peak."
)


def draw_figures(
    data: StudyData,
    directory: str | Path,
    rule: PlateauRule,
    runs: Iterable[str],
    pair: Sequence[str] = (),
) -> list[Drawn]:
    """Draw the figures of FIGURES, of these runs, into the directory, which is made if need be.

    A figure, or a row of one, is left out if no run has its quantity; those of unknown coefficients
    and of SHEETS follow.
    `pair` are the two models that the study compares; they have colours of their own.
    """
    models = lines_of(data, rule, runs)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    columns = chain.from_iterable(
        line.trajectory for of_model in models.values() for line in of_model
    )
    unknowns = of_unknowns(dict.fromkeys(unknown_names(columns)))
    of_losses = losses(rule.curve)
    figures = [of_losses if figure.slug == of_losses.slug else figure for figure in FIGURES]
    rows = ((figure, figure.curves(models)) for figure in (*figures, unknowns))
    drawn = [
        save(figure.slug, figure.title, figure.caption, folder, partial(_draw, found, pair))
        for figure, found in rows
        if found
    ]
    return drawn + [
        each for each in map(partial(_sheet, models, data, pair, folder), SHEETS) if each
    ]


def _sheet(
    models: Models, data: StudyData, pair: Sequence[str], folder: Path, sheet: Sheet
) -> Drawn | None:
    with mpl.rc_context(STYLE):
        canvas = sheet.draw(models, data.runs, pair) if models else None
    if canvas is None:
        return None
    return save(sheet.slug, sheet.title, sheet.caption, folder, lambda: canvas)


def _draw(rows: list[Row], pair: Sequence[str] = ()) -> Canvas:
    models = rows[0][1]
    lines = _lines(list(models))
    if len(lines) > 1:
        return _draw_many(rows, lines, pair)
    palette = colours(models, pair)
    count = len(models)
    height = 0.4 + 1.95 * len(rows) + room_for_names(models)
    size = 2.4 + 2.4 * count, height  # inches; of two models, a journal's page
    canvas = Canvas(figsize=size, dpi=DPI, layout="constrained")
    grid = canvas.subplots(
        len(rows),
        count + len(PARTS),
        sharex="col",
        sharey="row",
        squeeze=False,
        width_ratios=[1.9] * count + [max(1.15, 0.45 + 0.4 * count)] * len(PARTS),
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


def _lines(models: list[str]) -> list[list[str]]:
    """The models in lines of at most ACROSS, about equally long, the longer ones first."""
    count = ceil(len(models) / ACROSS)
    edges = [ceil(len(models) * place / count) for place in range(count + 1)]
    return [models[start:end] for start, end in pairwise(edges)]


def _draw_many(rows: list[Row], lines: list[list[str]], pair: Sequence[str]) -> Canvas:
    """More models than fit side by side: each quantity has lines of panels, then its parts."""
    height = 0.4 + len(rows) * (1.75 * len(lines) + 2.0 + room_for_names(rows[0][1]))
    width = 2.4 + 2.4 * len(lines[0])
    canvas = Canvas(figsize=(width, height), dpi=DPI_OF_MANY, layout="constrained")
    for block, (quantity, curves) in zip(
        canvas.subfigures(len(rows), 1, squeeze=False)[:, 0], rows, strict=True
    ):
        _block(block, quantity, curves, lines, colours(curves, pair))
    return canvas


def _block(
    block: SubFigure,
    quantity: Quantity,
    curves: dict[str, list[Curve]],
    lines: list[list[str]],
    palette: dict[str, str],
) -> None:
    """One quantity's panels; all have one value axis, the models' one axis of steps."""
    across = max(map(len, lines))
    grid = block.add_gridspec(len(lines) + 1, 2 * across, height_ratios=[1] * len(lines) + [1.3])
    first: Axes | None = None
    for place, models in enumerate(lines):
        for column, model in enumerate(models):
            spot = grid[place, 2 * column : 2 * column + 2]
            panel = block.add_subplot(spot, sharex=first, sharey=first)
            trajectory_panel(panel, quantity, curves[model], palette[model])
            title(panel, model, curves[model][0].line, palette[model], letters=26)
            panel.tick_params(axis="y", which="both", labelleft=column == 0)
            panel.tick_params(axis="x", labelbottom=place == len(lines) - 1)
            panel.set_ylabel("" if column else quantity.label)
            panel.set_xlabel("step (updates)" if place == len(lines) - 1 else "")
            first = first or panel
    for place, (part, words) in enumerate(PARTS.items()):
        spot = grid[-1, place * across : (place + 1) * across]
        panel = block.add_subplot(spot, sharey=first)
        distribution_panel(panel, quantity, part, curves, palette)
        panel.set_title(words)
        panel.tick_params(axis="y", which="both", labelleft=place == 0)
        panel.set_ylabel("" if place else quantity.label)
    if first is not None:
        value_axis(first, quantity, curves)
