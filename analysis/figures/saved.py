"""A figure's two files: PNG for the page, PDF for the paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from analysis.figures.printing import print_figure
from analysis.figures.style import STYLE


@dataclass(frozen=True)
class Drawn:
    """A figure that was drawn, its two files, and how many inches wide it is."""

    title: str
    caption: str
    png: Path
    pdf: Path
    inches: float


def save(slug: str, title: str, caption: str, folder: Path, draw: Callable[[], Canvas]) -> Drawn:
    """Draw in the house's style, and write both files, now or before `beside` ends."""
    png, pdf = (folder / f"{slug}.{suffix}" for suffix in ("png", "pdf"))
    with mpl.rc_context(STYLE):
        canvas = draw()
        inches = canvas.get_figwidth()
        print_figure(canvas, png, pdf)
    return Drawn(title, caption, png, pdf, inches)
