"""The survival curves of plateaus, by the values of each hyperparameter."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.effects.matters import Matters
from analysis.effects.survival import Survival
from analysis.figures.effects.axes import panels, plain, shades
from analysis.verdicts import p_in_words


def draw_survival(found: Matters) -> Canvas | None:
    """A panel for each hyperparameter; None where no run left a plateau."""
    if not found.survivals:
        return None
    canvas, (line,) = panels(1, len(found.survivals), 2.5)
    for axes, one, p in zip(line, found.survivals, found.corrected, strict=True):
        _panel(axes, one, "" if p is None else f"p {p_in_words(p)}")
        axes.set_title(plain(one.axis.key))
    return canvas


def _panel(axes: Axes, found: Survival, test: str) -> None:
    for group, colour in zip(found.groups, shades(len(found.groups)), strict=True):
        label = f"{plain(group.name)}: {group.left} of {group.runs} left"
        axes.step(group.steps, group.shares, where="post", color=colour, label=label, linewidth=1.2)
    axes.set_ylim(0, 1.03)
    axes.set_xlim(left=0)
    axes.set_xlabel("step (updates)")
    axes.set_ylabel("share on the plateau")
    axes.legend(fontsize=6.5, handlelength=1.2, loc="best", title=test, title_fontsize=6.5)
