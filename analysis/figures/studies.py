"""The figure of a comparison of studies: every run's values, and how the losses fell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.figures.saved import Drawn, save
from analysis.figures.style import DPI, colours, name_of
from analysis.model_runs import StudyRead
from analysis.plateau import every_step, plateau_of
from analysis.studies import CommonModel, StudiesCompared

MOST = 8
"""Models that are drawn, the first ones."""
POINTS = 400  # of a curve, at most
BAND = (0.1, 0.9)
CAPTION = (
    "A line of panels for each model. Left: the length of each run's plateau in steps, a triangle "
    "where the run never left it or diverged on it (a lower bound), with the median of all. "
    "Middle: the last value of {column}; runs that diverged have none. Right: {curve}, the median "
    "over runs at each step and the middle 80 % of them."
)


def draw_studies(found: StudiesCompared, reads: Sequence[StudyRead], folder: Path) -> Drawn:
    """Draw `studies.png` and `studies.pdf` into the folder."""
    caption = CAPTION.format(column=reads[0].metric.column, curve=found.rule.curve)
    if len(found.models) > MOST:
        caption += f" The first {MOST} of {len(found.models)} models."
    return save("studies", "Runs of each study", caption, folder, partial(_draw, found, reads))


def _draw(found: StudiesCompared, reads: Sequence[StudyRead]) -> Canvas:
    models, palette = found.models[:MOST], colours(found.studies, found.studies[:2])
    canvas = Canvas(figsize=(8.8, 0.5 + 2.1 * len(models)), dpi=DPI, layout="constrained")
    grid = canvas.subplots(len(models), 3, squeeze=False, width_ratios=[1.0, 1.0, 1.5])
    for panels, model in zip(grid, models, strict=True):
        curves = {
            read.label: [read.data.trajectory(run) for run in runs]
            for read, runs in zip(reads, model.runs, strict=True)
        }
        _lengths(panels[0], model, curves, found, palette)
        _finals(panels[1], curves, reads, palette)
        _losses(panels[2], curves, found, palette)
    grid[0, 2].legend(loc="upper right")
    return canvas


def _lengths(
    axes: Axes,
    model: CommonModel,
    curves: Mapping[str, Sequence[pd.DataFrame]],
    found: StudiesCompared,
    palette: Mapping[str, str],
) -> None:
    for place, (study, runs) in enumerate(curves.items()):
        plateaus = [plateau_of(run, found.rule) for run in runs]
        for aside, plateau in zip(_aside(len(runs)), plateaus, strict=True):
            shape = "^" if plateau.censored else "o"
            axes.plot(place + aside, plateau.length, shape, **_dot(palette[study]))
        _median(axes, place, [plateau.length for plateau in plateaus], palette[study])
    axes.set_ylabel("plateau (steps)")
    axes.set_title(name_of(model.name, 24))
    _studies_axis(axes, list(curves))


def _finals(
    axes: Axes,
    curves: Mapping[str, Sequence[pd.DataFrame]],
    reads: Sequence[StudyRead],
    palette: Mapping[str, str],
) -> None:
    column, positive = reads[0].metric.column, True
    for place, (study, runs) in enumerate(curves.items()):
        last = [float(run[column].iloc[-1]) for run in runs if column in run]
        values = [value for value in last if np.isfinite(value)]
        positive &= all(value > 0 for value in values)
        axes.plot(place + _aside(len(values)), values, "o", **_dot(palette[study]))
        if values:
            _median(axes, place, values, palette[study])
    if positive:
        axes.set_yscale("log")
    axes.set_ylabel(f"final {column}")
    _studies_axis(axes, list(curves))


def _losses(
    axes: Axes,
    curves: Mapping[str, Sequence[pd.DataFrame]],
    found: StudiesCompared,
    palette: Mapping[str, str],
) -> None:
    positive = found.rule.scale != "absolute"
    for study, runs in curves.items():
        together = pd.concat([every_step(run[found.rule.curve]) for run in runs], axis=1)
        thin = together.iloc[:: 1 + len(together) // POINTS]
        low, high = (thin.quantile(share, axis=1) for share in BAND)
        axes.fill_between(thin.index, low, high, color=palette[study], alpha=0.18, linewidth=0)
        label = name_of(study, 24)
        axes.plot(thin.index, thin.median(axis=1), color=palette[study], lw=1.3, label=label)
    if positive:
        axes.set_yscale("log")
    axes.set_ylabel(found.rule.curve)
    axes.set_xlabel("step (updates)")


def _aside(runs: int) -> np.ndarray:
    """Places of dots beside each other, so that equal ones stay apart."""
    return np.linspace(-0.22, 0.22, runs) if runs > 1 else np.zeros(runs)


def _dot(colour: str) -> dict[str, Any]:
    return {"color": colour, "markersize": 3.4, "alpha": 0.75, "markeredgewidth": 0}


def _median(axes: Axes, place: int, values: Sequence[float], colour: str) -> None:
    axes.hlines(float(np.median(values)), place - 0.35, place + 0.35, color=colour, linewidth=1.6)


def _studies_axis(axes: Axes, studies: Sequence[str]) -> None:
    names = [name_of(study) for study in studies]
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="x")
