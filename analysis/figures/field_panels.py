"""The panels of a solution: its picture at one step, and the strip over its plateau."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy import ndarray

from analysis.figures.curves import Line
from analysis.figures.field_views import Scale, View, views
from analysis.figures.style import INK, PLATEAU
from pinn_core.records.fields import Fields

OUTPUTS = 2  # of a strip, at most
ERROR = "error/relative_l2"


@dataclass(frozen=True)
class Shown:
    """A run whose fields are drawn, and the colour of its model."""

    model: str
    seed: int
    line: Line
    fields: Fields
    colour: str

    @property
    def end(self) -> str:
        """When its last field was stored, and how far it then was from the reference."""
        return self.at(len(self.fields.steps) - 1)

    def at(self, place: int) -> str:
        """A stored step and the error that was recorded there, in words."""
        step = int(self.fields.steps[place])
        error = self.line.column(ERROR).get(step)
        return f"step {step}" + ("" if error is None else f", error {error:.2g}")


@dataclass(frozen=True)
class Scales:
    """Of every output and equation, over some of the stored steps."""

    values: list[Scale]
    errors: list[Scale]
    residuals: list[Scale]

    @classmethod
    def of(cls, fields: Fields, places: list[int]) -> Scales:
        """Images have the reference's values where they are known, curves have room for all."""
        whole = views(fields)[0].is_curve

        def values(output: int) -> Scale:
            reference = fields.reference[:, output]
            predictions = fields.prediction[places, :, output]
            if whole:
                return Scale.of_values(np.append(reference, predictions))
            return Scale.of_values(reference if np.isfinite(reference).any() else predictions)

        around_zero = partial(Scale.around_zero, whole=whole)
        outputs, equations = range(len(fields.outputs)), range(fields.residual.shape[2])
        return cls(
            [values(output) for output in outputs],
            [around_zero(fields.error[places, :, output]) for output in outputs],
            [around_zero(fields.residual[places, :, one]) for one in equations],
        )


def draw_solution(
    canvas: Canvas, one: Shown, place: int = -1, scales: Scales | None = None
) -> None:
    """Rows for each output (or equation) and slice: reference, prediction, error, residual."""
    fields, pictures = one.fields, views(one.fields)
    scales = scales or Scales.of(fields, [place])
    outputs, equations = len(fields.outputs), fields.residual.shape[2]
    known = bool(np.isfinite(fields.reference).any())
    apart = known and not pictures[0].is_curve  # a curve's reference is in the prediction's panel
    count_of_rows = max(outputs, equations)
    grid = _grid(canvas, count_of_rows * len(pictures), 2 + known + apart, pictures[0])
    for row, panels in enumerate(np.split(grid, count_of_rows)):
        values, errors, residuals = np.split(panels, [1 + apart, 1 + apart + known], axis=1)
        if row < outputs:
            name, reference = fields.outputs[row], fields.reference[:, row]
            columns = {f"{name}: reference": reference} if apart else {}
            columns[f"{name}: prediction"] = fields.prediction[place, :, row]
            _draw(canvas, values, pictures, columns, scales.values[row], one.colour, reference)
            if known:
                error = {f"{name}: error": fields.error[place, :, row]}
                _draw(canvas, errors, pictures, error, scales.errors[row], PLATEAU)
        if row < equations:
            misfit = {_residual_of(row, equations): fields.residual[place, :, row]}
            _draw(canvas, residuals, pictures, misfit, scales.residuals[row], INK)
    _name_axes(grid, pictures)


def draw_strip(canvas: Canvas, one: Shown) -> None:
    """The prediction and below it the error, at the plateau's beginning, middle, end and last."""
    fields, pictures = one.fields, views(one.fields)
    view = pictures[len(pictures) // 2]
    moments = moments_of(one)
    scales = Scales.of(fields, list(moments))
    known = np.flatnonzero(np.isfinite(fields.reference).any(axis=0))
    outputs = (known if known.size else np.arange(len(fields.outputs)))[:OUTPUTS]
    apart = int(known.size > 0 and not view.is_curve)
    grid = _grid(canvas, 2 * len(outputs), apart + len(moments), view)
    labels: list[str] = []
    for row, output in enumerate(outputs):
        values, others = grid[2 * row : 2 * row + 1], grid[2 * row + 1 : 2 * row + 2]
        reference = fields.reference[:, output]
        columns = {"reference": reference} if apart else {}
        columns |= {
            f"{words}\n{one.at(place)}": fields.prediction[place, :, output]
            for place, words in moments.items()
        }
        _draw(canvas, values, [view], columns, scales.values[output], one.colour, reference)
        below, words, scale = (
            (fields.error[..., output], f"{fields.outputs[output]}, error", scales.errors[output])
            if known.size
            else _residual(fields, scales, row)
        )
        misfits = {str(place): below[place] for place in moments}
        _draw(canvas, others[:, apart:], [view], misfits, scale, PLATEAU, titled=False)
        labels += [f"{fields.outputs[output]}, prediction", words]
    _name_axes(grid, [view])
    for panels, words in zip(grid, labels, strict=True):
        lines = (words, view.words, *view.names[1:])
        panels[apart].set_ylabel("\n".join(filter(None, lines)))


def _residual(fields: Fields, scales: Scales, row: int) -> tuple[ndarray, str, Scale]:
    """The residual of an equation, the last if there are fewer, its name and its scale."""
    equations = fields.residual.shape[2]
    number = min(row, equations - 1)
    return fields.residual[..., number], _residual_of(number, equations), scales.residuals[number]


def _residual_of(number: int, equations: int) -> str:
    return "residual" if equations == 1 else f"residual of equation {number + 1}"


def moments_of(one: Shown) -> dict[int, str]:
    """The places of the stored steps that a strip shows, and what each is, in words."""
    steps, plateau = one.fields.steps, one.line.plateau
    last = int(steps[-1])
    if plateau.start is None:
        wanted = {"the beginning": 0, "a quarter": last / 4, "half": last / 2, "the end": last}
    else:
        end = last if plateau.end is None else plateau.end
        middle = (plateau.start + end) / 2
        wanted = {
            "plateau begins": plateau.start,
            "its middle": middle,
            "plateau ends": end,
            "the end": last,
        }
    return {int(np.abs(steps - step).argmin()): words for words, step in wanted.items()}


def _grid(canvas: Canvas, rows: int, columns: int, view: View) -> ndarray:
    canvas.set_size_inches(0.7 + 2.1 * columns, 0.5 + 1.75 * rows)
    grid: ndarray = canvas.subplots(rows, columns, squeeze=False, sharex=view.is_curve)
    return grid


def _draw(
    canvas: Canvas,
    grid: ndarray,
    pictures: Sequence[View],
    columns: Mapping[str, ndarray],
    scale: Scale,
    colour: str,
    behind: ndarray | None = None,
    *,
    titled: bool = True,
) -> None:
    """Fields by title side by side, slices below each other; images have one bar of colours."""
    images = []
    for view, panels in zip(pictures, grid, strict=True):
        for panel, field in zip(panels, columns.values(), strict=True):
            if view.is_curve:
                _curve(panel, view, field, scale, colour, behind)
            elif image := view.draw(panel, field, scale):
                images.append(image)
    for panel, title in zip(grid[0], columns, strict=True):
        panel.set_title(title if titled else "")
    if images:
        canvas.colorbar(
            images[0],
            ax=list(grid.flat),
            extend=scale.beyond(np.concatenate(list(columns.values()))),
            extendfrac=0.05 / len(grid),
            fraction=0.08,
            aspect=20 * len(grid),
            pad=0.02,
        )
    elif behind is not None and np.isfinite(behind).any():
        grid[0, 0].legend(frameon=True, framealpha=0.8, edgecolor="none")


def _curve(
    panel: Axes, view: View, field: ndarray, scale: Scale, colour: str, behind: ndarray | None
) -> None:
    order = view.rows[np.argsort(view.points[:, 0])]
    x = np.sort(view.points[:, 0])
    if behind is not None and np.isfinite(behind).any():
        panel.plot(x, behind[order], color=INK, linewidth=1.0, linestyle="--", label="reference")
    panel.plot(x, field[order], color=colour, linewidth=1.3, label="prediction")
    room = 0.08 * (scale.high - scale.low)
    panel.set_ylim(scale.low - room, scale.high + room)


def _name_axes(grid: ndarray, pictures: Sequence[View]) -> None:
    """Hide empty panels; name coordinates at the left and below, and what a slice has in common.

    Images have ticks there alone: of all that is drawn, these take most time.
    """
    for panel in grid.flat:
        panel.set_visible(panel.has_data())
        pictures[0].shape(panel)
    lowest = [panel for column in grid.T for panel in _visible(column)[-1:]]
    leftmost = [panel for row in grid for panel in _visible(row)[:1]]
    for panel in lowest:
        panel.set_xlabel(pictures[0].names[0])
    for row, panels in enumerate(grid):
        view = pictures[row % len(pictures)]
        for panel in _visible(panels)[:1]:
            panel.set_ylabel("\n".join(filter(None, (view.words, *view.names[1:]))))
    for panel in grid.flat if not pictures[0].is_curve else ():
        if panel not in lowest:
            panel.set_xticks([])
        if panel not in leftmost:
            panel.set_yticks([])


def _visible(panels: ndarray) -> list[Axes]:
    return [panel for panel in panels if panel.get_visible()]
