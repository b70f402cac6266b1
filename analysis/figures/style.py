"""How every figure looks: fonts, sizes, and a colour per model that does not need colour vision."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import count, cycle
from typing import TYPE_CHECKING, Any

from analysis.wording import model_name

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

DPI = 200  # of the PNG; the PDF has vectors, but for the many faint curves
DPI_OF_MANY = 100  # of sheets of many models, which made pages of 19 MB

PLATEAU = "#c1121f"
INK = "#222222"

# Okabe and Ito's palette, darkened where thin lines would vanish on white; no red: that is the
# plateau's. The two models of a contrast always have PAIR's.
PAIR = ("#0072b2", "#d98200")
OTHERS = ("#009e73", "#b0568f", "#5b5ea6", "#3d9fd1", "#8a6d00", "#6e6e6e")

STYLE: dict[RcKeyType, Any] = {
    "font.family": ["DejaVu Sans Core", "DejaVu Sans"],  # the same picture on every machine
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # fixed: else matplotlib derives it from all ticks at every layout
    "axes.labelsize": 8,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "lines.solid_capstyle": "round",
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3
}


def colours(models: Iterable[str], pair: Sequence[str] = ()) -> dict[str, str]:
    """A colour for each model, in the models' order; `turns` tells those apart that share one.

    `pair` are the two models of the study's contrast, if it has one.
    """
    others, of_pair = cycle(OTHERS), dict(zip(pair, PAIR, strict=False))
    return {model: of_pair.get(model) or next(others) for model in models}


def turns(models: Iterable[str], pair: Sequence[str] = ()) -> dict[str, int]:
    """How often `colours` had been through when each model got its colour: a dash, a marker."""
    others = count()
    return {model: 0 if model in pair else next(others) // len(OTHERS) for model in models}


def name_of(model: str, most: int = 16) -> str:
    r"""The model's name in a figure, in lines of at most so many letters, with each $ escaped.

    >>> name_of("gradient_adaptive_per_layer", 24)
    'gradient_adaptive_per_\nlayer'
    """
    lines = [""]
    for part in re.findall(rf"[^-_]{{1,{most - 1}}}[-_]?|[-_]", model_name(model)):
        if len(lines[-1]) + len(part) > most:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines).replace("$", r"\$")
