"""Pictures of solutions: reference, prediction, error and residual, and how they came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Canvas

from analysis.figures.curves import Line
from analysis.figures.field_panels import Shown, draw_solution, draw_strip
from analysis.figures.field_views import views
from analysis.figures.saved import Drawn, save
from analysis.figures.style import DPI, colours
from analysis.load import StudyData
from analysis.metric import Metric
from analysis.plateau import plateau_of
from analysis.ranking import LAST_LOSS, metric_value
from analysis.rules import PlateauRule
from analysis.wording import count, model_name
from pinn_core.records.fields import Fields

MOST = 4  # models whose solutions are shown
NOTHING = (
    "No pictures: record.fields is none, the equation has more than three coordinates or points in "
    "three that lie on no slices, or an earlier version of the program made the runs."
)


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
    metric: Metric = LAST_LOSS,
    baseline: str | None = None,
) -> Pictures:
    """Draw the solutions of the best models' runs, and a strip of each over its plateau."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    first, fields = _with_fields(data, runs)

    def rank(model: str) -> tuple[bool, bool, float]:
        value = metric_value(data, first[model], metric)
        worse = -value if metric.maximize else value
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


def _words(ranked: list[str], figures: list[Drawn], metric: Metric, baseline: str | None) -> str:
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
