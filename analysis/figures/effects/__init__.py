"""The figures of a search, as a table: what matters, how, with what, and how long runs stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from analysis.effects.importance import BEST
from analysis.effects.matters import Matters
from analysis.figures.effects.importances import draw_importances
from analysis.figures.effects.marginals import draw_marginals
from analysis.figures.effects.pairs import SHOWN, draw_pairs
from analysis.figures.effects.phases import draw_phases
from analysis.figures.effects.survival import draw_survival
from analysis.figures.saved import Drawn, save
from analysis.figures.style import STYLE
from analysis.wording import model_name


@dataclass(frozen=True)
class SearchFigure:
    """A figure of one model's search, None where there is nothing to draw."""

    slug: str
    title: str
    caption: str
    draw: Callable[[Matters], Canvas | None]


FIGURES = (
    SearchFigure(
        "importances",
        "Which hyperparameters matter",
        f"PED-ANOVA: how far a hyperparameter's values among the best {100 * BEST:.0f} % of the "
        "runs differ from those of all runs, as a share of all hyperparameters. Lines: 95 % of "
        "what random halves of these runs give; they show how much hangs on these very runs, and "
        "are no confidence intervals. Grey: as far as hyperparameters without any effect reach by "
        "chance, with a probability of 95 % that none is beyond it; filled dots are.",
        draw_importances,
    ),
    SearchFigure(
        "effects",
        "Effect of each hyperparameter",
        "Every run is a dot. Of a list of values: median (line) and middle half (bar) at each. Of "
        "a range: the running median of the nearest fifth of the runs, and their middle half. "
        "Triangles at the edge: runs that diverged, never left their plateau or never reached the "
        "level that the search goes by; medians and halves count them as the worst.",
        draw_marginals,
    ),
    SearchFigure(
        "interactions",
        "Strongest interactions",
        f"The {SHOWN} pairs of hyperparameters that do most together beyond what each does alone: "
        "the share of the variance of the runs' ranks that this explains stands above. In the "
        "cells: the median, darker is better; never: most runs diverged, never left their plateau "
        "or never reached the level that the search goes by; empty where there is no run.",
        draw_pairs,
    ),
    SearchFigure(
        "phases",
        "Phase diagram",
        "How the runs of each cell end: the width of a colour is its share, the number below "
        "counts the runs. The regimes exclude each other, and the first that applies counts, from "
        "top to bottom of the legend.",
        draw_phases,
    ),
    SearchFigure(
        "survival",
        "Runs still on their plateau",
        "The share of runs that have not left their plateau at a step, counted from step 0 (Kaplan "
        "and Meier): a run that never left it is known up to its last step, one that diverged "
        "never leaves. p: of no effect of the hyperparameter, by the log-rank test, corrected "
        "by Holm's procedure for the number of hyperparameters.",
        draw_survival,
    ),
)


def draw_effects(found: Matters, place: int, folder: Path) -> list[Drawn]:
    """Draw `search-<place>-<slug>.png|pdf` of one model's search; what it lacks is left out."""
    return [each for each in (_drawn(figure, found, place, folder) for figure in FIGURES) if each]


def _drawn(figure: SearchFigure, found: Matters, place: int, folder: Path) -> Drawn | None:
    with mpl.rc_context(STYLE):
        canvas = figure.draw(found)
    if canvas is None:
        return None
    title = f"{figure.title}: {model_name(found.searched.model)}"
    slug = f"search-{place}-{figure.slug}"
    return save(slug, title, figure.caption, folder, lambda: canvas)
