"""The survival curves of plateaus, by the values of each hyperparameter."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.effects.matters import Matters
from analysis.effects.survival import Survival
from analysis.figures.effects.axes import panels, plain, shades


def draw_survival(found: Matters) -> Canvas | None:
    """A panel for each hyperparameter; None where no run left a plateau."""
    if not found.survivals:
        return None
    canvas, grid = panels(len(found.survivals), 2.5)
    for axes, one, p in zip(grid, found.survivals, found.corrected, strict=True):
        _panel(axes, one)
        axes.set_title(plain(one.axis.key))
        if p is not None:
            words = f"p {'< 0.001' if p < 1e-3 else f'= {p:.2g}'}"
            axes.set_title(words, loc="right", fontsize=7, fontweight="normal")
    return canvas


def _panel(axes: Axes, found: Survival) -> None:
    for group, colour in zip(found.groups, shades(len(found.groups)), strict=True):
        label = f"{plain(group.name)} ({group.runs})"
        axes.step(group.steps, group.shares, where="post", color=colour, label=label, linewidth=1.2)
    axes.set_ylim(0, 1.03)
    axes.set_xlim(left=0)
    axes.set_xlabel("step (updates)")
    axes.set_ylabel("share on the plateau")
    axes.legend(fontsize=6.5, handlelength=1.2, loc="best")
