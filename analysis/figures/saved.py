"""A figure's two files: PNG for the page, PDF for the paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure as Canvas

from analysis.figures import fonts
from analysis.figures.style import STYLE

fonts.register()


@dataclass(frozen=True)
class Drawn:
    """A figure that was drawn, its two files, and how many inches wide it is."""

    title: str
    caption: str
    png: Path
    pdf: Path
    inches: float


def save(slug: str, title: str, caption: str, folder: Path, draw: Callable[[], Canvas]) -> Drawn:
    """Draw in the house's style, and write both files."""
    png, pdf = (folder / f"{slug}.{suffix}" for suffix in ("png", "pdf"))
    with mpl.rc_context(STYLE):
        canvas = draw()  # printed by its canvases: savefig draws everything twice
        FigureCanvasAgg(canvas).print_png(png)  # type: ignore[no-untyped-call]
        canvas.set_layout_engine("none")  # the PDF as laid out for the PNG
        FigureCanvasPdf(canvas).print_pdf(  # type: ignore[no-untyped-call]
            pdf, metadata={"CreationDate": None}
        )
    return Drawn(title, caption, png, pdf, canvas.get_figwidth())
