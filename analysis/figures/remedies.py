"""The ranked figure: every remedy's steps until the plateau is left, against the baseline's."""

from __future__ import annotations

from functools import partial
from math import isfinite
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from analysis.figures.saved import Drawn, save
from analysis.figures.style import DPI, INK, PAIR, PLATEAU, name_of
from analysis.remedies import Remedies, Remedy
from analysis.verdicts import ratio_in_words
from analysis.wording import NONE, model_name, number

CAPTION = (
    "Steps until the smoothed curve is down to {level}: the ratio over pairs of equal seed and its "
    "95 % interval (Hodges and Lehmann, by signed ranks; not corrected); left of 1 is earlier, a "
    "triangle at the edge: from the start. Filled: significant after Holm's correction. Orange: a "
    "model that is trained on the solution itself, for reference. Evaluations and time: those "
    "spent until then; error: the final relative L2 error; as ratios to the baseline's. Stayed: "
    "runs that never came down to it or diverged, of those compared; each counts as no shorter "
    "than the baseline's longest run, and where they are the most, a triangle to the right marks "
    "the bound."
)
NONE_AT_ALL = 1.3  # a ratio of 0 has no place on a logarithmic axis: so far below the smallest
HEADINGS = ("ratio [95 %]", "p (Holm)", "evaluations", "time", "error", "stayed")
PLACES = (0.0, 0.33, 0.48, 0.66, 0.77, 0.88)  # of the columns beside the panel


def draw_remedies(found: Remedies, folder: Path) -> Drawn | None:
    """Draw `remedies.png` and `remedies.pdf` into the folder; None if no ratio is known."""
    if all(one.steps.ratio.number is None for one in found.ranked):
        return None
    words = (
        f"Remedies, by the steps until the plateau is left, against {model_name(found.baseline)}"
    )
    named = f"{number(found.level)}, the level that the study names"
    level = named if found.named else "the level at which the baseline has left its plateau"
    return save("remedies", words, CAPTION.format(level=level), folder, partial(_draw, found))


def _draw(found: Remedies) -> Canvas:
    rows = found.ranked
    canvas = Canvas(figsize=(8.8, 0.9 + 0.3 * len(rows)), dpi=DPI, layout="constrained")
    axes, beside = canvas.subplots(1, 2, width_ratios=[1.0, 1.45], sharey=True)
    ends = _ends(rows)
    for place, one in enumerate(rows):
        _mark(axes, place, one, min(ends) / NONE_AT_ALL)
        _annotate(beside, place, one)
    axes.axvline(1, color=PLATEAU, linewidth=1.0, linestyle=(0, (4, 2.5)), zorder=1)
    axes.set_yticks(range(len(rows)), [name_of(one.model, 32) for one in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"steps until it is left / those of {name_of(found.baseline, 64)} (ratio)")
    _scale(axes, ends)
    beside.axis("off")
    for heading, x in zip(HEADINGS, PLACES, strict=True):
        beside.text(
            x, 1.0, heading, transform=beside.transAxes, fontsize=7.5, weight="bold", va="bottom"
        )
    return canvas


def _ends(rows: tuple[Remedy, ...]) -> list[float]:
    """All ratios above 0 and the ends of their intervals, and what is shown in any case."""
    ratios = [one.steps.ratio for one in rows]
    known = [end for ratio in ratios for end in (ratio.number, *(ratio.interval or ()))]
    return [0.8, 1.25, *(end for end in known if end and isfinite(end))]


def _mark(axes: Axes, place: int, one: Remedy, lowest: float) -> None:
    ratio = one.steps.ratio
    if ratio.number is None:
        return
    colour = PAIR[one.reference]
    if ratio.interval:
        low, high = (max(lowest, end) for end in ratio.interval)
        axes.hlines(place, low, high, color=colour, linewidth=1.6)
    bound = 2 * one.stayed[0] > one.seeds
    shape = "<" if not ratio.number else ">" if bound else "D" if one.reference else "o"
    filled = colour if one.steps.significant else "white"
    centre = max(lowest, ratio.number)
    axes.plot(centre, place, shape, color=filled, mec=colour, mew=1.3, markersize=5.5, zorder=3)


def _annotate(beside: Axes, place: int, one: Remedy) -> None:
    found = one.steps.ratio
    ratio = "neither left" if found.number is None else ratio_in_words(found)
    p = "reference" if one.reference else number(found.corrected)
    ratios = [
        NONE if effect.ratio.number is None else _short(effect.ratio.number)
        for effect in (one.evaluations, one.seconds, one.error)
    ]
    cells = (ratio, p, *ratios, f"{one.stayed[0]} of {one.seeds}")
    for words, x in zip(cells, PLACES, strict=True):
        beside.text(
            x,
            place,
            words,
            transform=beside.get_yaxis_transform(),
            fontsize=7.5,
            va="center",
            color=INK,
        )


def _short(value: float) -> str:
    """Two digits, in as few letters as they take."""
    if 100 <= value < 1e4:
        return f"{value:.0f}"
    return f"{value:.2g}".replace("e+0", "e").replace("e-0", "e-")


def _scale(axes: Axes, ends: list[float]) -> None:
    """Logarithmic, with plain numbers at the ticks."""
    axes.set_xscale("log")
    low, high = min(ends) / NONE_AT_ALL / 1.1, max(ends) * 1.15
    axes.set_xlim(low, high)
    subs = (
        (1.0,)
        if high / low > 300
        else (1.0, 2.0, 5.0)
        if high / low > 8
        else (1.0, 1.5, 2, 3, 5, 7)
    )
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
