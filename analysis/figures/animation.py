"""A solution as it is learnt: its picture at every stored step, as an animated GIF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure as Canvas

from analysis.figures.field_panels import Scales, Shown, draw_solution
from analysis.figures.style import STYLE

DPI = 90
PER_SECOND = 4  # stored steps
LAST = 8  # times that the last step is shown


def animate(shown: Sequence[Shown], folder: Path) -> dict[str, Path]:
    """Write `solution-<model>.gif` for each run, all steps on one scale; the files by model."""
    return {one.model: _animation(one, folder / f"solution-{one.model}.gif") for one in shown}


def _animation(one: Shown, file: Path) -> Path:
    places = list(range(len(one.fields.steps)))
    scales = Scales.of(one.fields, places)
    with mpl.rc_context(STYLE):
        canvas, writer = Canvas(dpi=DPI, layout="compressed"), PillowWriter(PER_SECOND)
        draw_solution(canvas, one, 0, scales)  # for its size, which a writer asks at the start
        with writer.saving(canvas, str(file), DPI):
            for place in [*places, *places[-1:] * LAST]:
                canvas.clear()
                draw_solution(canvas, one, place, scales)
                canvas.suptitle(one.at(place))
                writer.grab_frame()
    return file
