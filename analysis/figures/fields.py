"""Pictures of solutions: reference, prediction, error and residual, and how they came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy import ndarray

from analysis.figures.curves import Line
from analysis.figures.field_views import Scale, View, views
from analysis.figures.saved import Drawn, save
from analysis.figures.style import DPI, INK, PLATEAU, colours
from analysis.load import StudyData
from analysis.plateau import plateau_of
from analysis.ranking import Direction, final_value
from analysis.rules import PlateauRule
from analysis.wording import count, model_name
from pinn_core.records.fields import Fields

MOST = 4  # models whose solutions are shown
ROWS = 4  # of a strip: outputs that are shown, each with its error
ERROR = "error/relative_l2"
NOTHING = (
    "No pictures: record.fields is none, the equation has more than three coordinates or points in "
    "three that lie on no slices, or an earlier version of the program made the runs."
)


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
class Pictures:
    """The figures of the solutions, which runs they are of, in words and with their fields."""

    figures: list[Drawn]
    words: str
    shown: list[Shown]


def draw_fields(
    data: StudyData,
    directory: str | Path,
    rule: PlateauRule,
    runs: Sequence[str],
    pair: Sequence[str] = (),
    *,
    metric: str = "loss/regression",
    direction: Direction = "minimize",
    baseline: str | None = None,
) -> Pictures:
    """Draw the solutions of the best models' runs, and a strip of each over its plateau."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    first, fields = _with_fields(data, runs)

    def rank(model: str) -> tuple[bool, bool, float]:
        value = final_value(data, first[model], metric)
        worse = value if direction == "minimize" else -value
        return model != baseline, not np.isfinite(value), worse

    ranked = sorted(first, key=rank)
    palette = colours(dict.fromkeys(map(str, data.runs.loc[list(runs), "model"])), pair)
    shown = []
    for model in ranked[:MOST]:
        trajectory = data.trajectory(first[model])
        line = Line(first[model], trajectory, plateau_of(trajectory, rule))
        seed = int(str(data.runs.at[first[model], "seed"]))
        shown.append(Shown(model, seed, line, fields[model], palette[model]))
    figures = [drawn for one in shown for drawn in _figures(one, folder, rule)]
    return Pictures(figures, _words(ranked, figures, metric, baseline), shown)


def _with_fields(data: StudyData, runs: Sequence[str]) -> tuple[dict[str, str], dict[str, Fields]]:
    """The first run of each model that left fields that can be drawn, and these."""
    first: dict[str, str] = {}
    fields: dict[str, Fields] = {}
    for run_id in runs:
        model = str(data.runs.at[run_id, "model"])
        left = None if model in first else data.fields(run_id)
        if left is not None and len(left.steps) and views(left):
            first[model], fields[model] = run_id, left
    return first, fields


def _words(ranked: list[str], figures: list[Drawn], metric: str, baseline: str | None) -> str:
    if not figures:
        return NOTHING
    words = "The first rerun of each model's best configuration."
    if len(ranked) > MOST:
        begun = "the baseline and the best of the others" if baseline in ranked else "the best"
        words += f" Shown are {MOST} of {count(len(ranked), 'model')}: {begun} by {metric}."
    return words


def _figures(one: Shown, folder: Path, rule: PlateauRule) -> list[Drawn]:
    """The solution and its strip."""
    name, of = model_name(one.model), f"Run {one.line.run_id[:8]}, seed {one.seed}"
    known = bool(np.isfinite(one.fields.reference).any())
    colours_end = "" if views(one.fields)[0].is_curve else " Arrows at a bar: values lie beyond it."
    compared = (
        "Reference and prediction have one scale; error: prediction minus reference. " * known
    )
    caption = (
        f"{of}: {one.end}. {compared}Residual: by how much the prediction misses the equation."
        f"{colours_end}"
    )
    strip = (
        f"{of}: {_plateau_in_words(one.line, rule)}. Shown are the stored steps nearest to these"
        f"{', with the relative L2 error recorded there' * known}. Each row has one scale."
        f"{colours_end}"
    )
    drawings = (
        (f"solution-{one.model}", f"Solution of {name}", caption, draw_solution),
        (f"learning-{one.model}", f"What {name} has learnt, and when", strip, draw_strip),
    )
    return [
        save(slug, title, words, folder, partial(_drawn, one, draw))
        for slug, title, words, draw in drawings
    ]


def _plateau_in_words(line: Line, rule: PlateauRule) -> str:
    start, left = line.plateau.start, line.plateau.end
    if start is None:
        return f"{rule.curve} has no plateau; the training's beginning, quarter, half and end"
    until = f"to {left}" if left is not None else "on and is never left"
    return (
        f"beginning, middle and end of its plateau, which lasts from step {start} {until} (of "
        f"{rule.curve}), and the last step"
    )


def _drawn(one: Shown, draw: Callable[[Canvas, Shown], None]) -> Canvas:
    canvas = Canvas(dpi=DPI, layout="compressed")
    draw(canvas, one)
    return canvas


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
            words = "residual" if equations == 1 else f"residual of equation {row + 1}"
            misfit = {words: fields.residual[place, :, row]}
            _draw(canvas, residuals, pictures, misfit, scales.residuals[row], INK)
    _name_axes(grid, pictures)


def draw_strip(canvas: Canvas, one: Shown) -> None:
    """The prediction and below it the error, at the plateau's beginning, middle, end and last."""
    fields, pictures = one.fields, views(one.fields)
    view = pictures[len(pictures) // 2]
    moments = moments_of(one)
    scales = Scales.of(fields, list(moments))
    known = np.flatnonzero(np.isfinite(fields.reference).any(axis=0))
    outputs = (known if known.size else np.arange(len(fields.outputs)))[: ROWS // 2]
    apart = int(known.size > 0 and not view.is_curve)
    grid = _grid(canvas, 2 * len(outputs), apart + len(moments), view)
    for row, output in enumerate(outputs):
        values, others = grid[2 * row : 2 * row + 1], grid[2 * row + 1 : 2 * row + 2]
        reference = fields.reference[:, output]
        columns = {"reference": reference} if apart else {}
        columns |= {
            f"{words}\n{one.at(place)}": fields.prediction[place, :, output]
            for place, words in moments.items()
        }
        _draw(canvas, values, [view], columns, scales.values[output], one.colour, reference)
        misfit, words, scale = (
            (fields.error[..., output], "error", scales.errors[output])
            if known.size
            else (fields.residual[..., 0], "residual", scales.residuals[0])
        )
        below = {f"{words} at {place}": misfit[place] for place in moments}
        _draw(canvas, others[:, apart:], [view], below, scale, PLATEAU, titled=False)
    _name_axes(grid, [view])
    for row, panels in enumerate(grid):
        what = f"{fields.outputs[outputs[row // 2]]}, {words if row % 2 else 'prediction'}"
        panels[apart].set_ylabel("\n".join(filter(None, (what, view.words, *view.names[1:]))))


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
    share = view.is_curve
    grid: ndarray = canvas.subplots(rows, columns, squeeze=False, sharex=share)
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
    lowest = [next(one for one in reversed(column) if one.get_visible()) for column in grid.T]
    leftmost = [next(one for one in row if one.get_visible()) for row in grid]
    for panel in lowest:
        panel.set_xlabel(pictures[0].names[0])
    for row, panel in enumerate(leftmost):
        view = pictures[row % len(pictures)]
        panel.set_ylabel("\n".join(filter(None, (view.words, *view.names[1:]))))
    if not pictures[0].is_curve:
        for panel in grid.flat:
            if panel not in lowest:
                panel.set_xticks([])
            if panel not in leftmost:
                panel.set_yticks([])
