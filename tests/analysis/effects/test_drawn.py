"""What the figures of a search show of runs that have no number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.effects.matters import what_matters
from analysis.effects.searched import Searched
from analysis.figures.effects.marginals import draw_marginals
from analysis.figures.effects.pairs import draw_pairs
from tests.analysis.effects.conftest import STEPS, Search, partly_reached


def of_metric(figure: Figure | None, found: Searched) -> list[Axes]:
    """The panels of the search's metric."""
    assert figure is not None
    metric = str(found.metric)
    return [axes for axes in figure.axes if metric in (axes.get_ylabel() + axes.get_title())]


def drawn(axes: Axes, marker: str) -> np.ndarray:
    """Heights of the marks of one shape."""
    marks = [line.get_ydata() for line in axes.lines if line.get_marker() == marker]
    return np.concatenate([np.zeros(0), *marks])


def test_runs_that_never_reached_the_level_are_triangles_and_no_dots(search: Search) -> None:
    found = partly_reached(search())
    panels = of_metric(draw_marginals(what_matters(found)), found)
    assert len(panels) == len(found.axes)
    without = int((found.runs["unreached"] | found.runs["value"].isna()).sum())
    for axes in panels:
        assert len(drawn(axes, "^")) == without
        assert len(drawn(axes, "o")) == len(found.runs) - without
        assert drawn(axes, "o").max() <= STEPS
        assert all(line.get_ydata().max() <= axes.get_ylim()[1] for line in axes.lines)


def test_cells_whose_runs_never_reached_the_level_say_never(search: Search) -> None:
    found = partly_reached(search())
    panels = of_metric(draw_pairs(what_matters(found)), found)
    words = [text.get_text() for axes in panels for text in axes.texts]
    assert "never" in words
    assert max(float(word) for word in words if word != "never") <= STEPS


def test_where_no_run_reached_the_level_the_axis_has_no_numbers(search: Search) -> None:
    found = partly_reached(search())
    none = replace(found, runs=found.runs.assign(unreached=True))
    matters = what_matters(none)
    for axes in of_metric(draw_marginals(matters), none):
        assert len(drawn(axes, "^")) == len(found.runs)
        assert not len(axes.get_yticks())
    assert of_metric(draw_pairs(matters), none) == []
