"""Panels of recorded weights and of the loss landscape; a panel without data is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.figures.curves import Line
from analysis.figures.style import DPI, INK, OTHERS, colours, name_of, turns
from pinn_core.records.trajectory import PRECONDITIONED, read_histograms, read_spectrum

Models = Mapping[str, Sequence[Line]]

MOST = 4  # models in a figure that has a row for each
FEW = 4  # models whose legend fits into a panel
ABOVE = 1e3  # the highest curve, as far as a bound is drawn
DECADES = 4  # of a density below its largest eigenvalue, on either side of zero
SMOOTHING = 0.2  # decades, of a density
LOWEST, HIGHEST = 1e-4, 10.0  # of a density
TERMS = ("#0072b2", "#d98200", *OTHERS)
DASHES = ("-", "--", "-.")  # one for each time the models' colours are used up


def weights(models: Models, runs: pd.DataFrame, pair: Sequence[str]) -> Canvas | None:  # noqa: ARG001
    """A panel per model whose weights change: each term's, median and range over its seeds."""
    names = _terms(models, "weight/", _changes)
    shown = [model for model, lines in models.items() if _names(lines, "weight/", _changes)]
    if not shown:
        return None
    palette = _palette(names)
    canvas, panels = _canvas(1, len(shown), sharey=True)
    for panel, model in zip(panels[0], shown, strict=True):
        for name in names:
            _over_steps(panel, models[model], f"weight/{name}", palette[name], _words(name))
        panel.set_title(name_of(model))
        panel.set_yscale("log")
        panel.set_xlabel("step (updates)")
    panels[0][0].set_ylabel("weight in what is optimised\n(dimensionless)")
    panels[0][-1].legend()
    return canvas


def hessian(models: Models, runs: pd.DataFrame, pair: Sequence[str]) -> Canvas | None:
    """A panel per loss: its largest eigenvalue for every model, median and range over seeds."""
    names = _terms(models, "curvature/")
    if not names:
        return None
    palette, turn = colours(models, pair), turns(models, pair)
    canvas, panels = _canvas(1, len(names))
    for panel, name in zip(panels[0], names, strict=True):
        for model, lines in models.items():
            label, dash = name_of(model), DASHES[turn[model] % len(DASHES)]
            _over_steps(panel, lines, f"curvature/{name}", palette[model], label, dash)
        panel.set_title(_words(name))
        panel.set_yscale("log")
        panel.set_xlabel("step (updates)")
    if "total" in names:
        _bounds(panels[0][names.index("total")], models, runs, palette)
    panels[0][0].set_ylabel("largest Hessian eigenvalue\n(loss per squared parameter)")
    if len(models) > FEW:
        canvas.legend(*panels[0][0].get_legend_handles_labels(), loc="outside right upper")
    else:
        panels[0][0].legend()
    return canvas


def spectrum(models: Models, runs: pd.DataFrame, pair: Sequence[str]) -> Canvas | None:  # noqa: ARG001
    """A row per model, a column per loss: the density at the first and the last due step."""
    return _first_and_last(
        models,
        pair,
        "spectrum/",
        _density,
        ("Hessian eigenvalue\n(loss per squared parameter)", "density per decade\n(share)"),
    )


def preconditioned(models: Models, runs: pd.DataFrame, pair: Sequence[str]) -> Canvas | None:  # noqa: ARG001
    """A row per model, a column per loss: the density before and after L-BFGS' preconditioning."""
    after = f"{PRECONDITIONED}/"
    names = _terms(models, after)
    shown = [model for model, lines in models.items() if _names(lines, after)][:MOST]
    if not shown:
        return None
    palette = colours(models, pair)
    canvas, panels = _canvas(len(shown), len(names))
    for row, model in zip(panels, shown, strict=True):
        cells = {prefix: _cells(models[model][0], prefix) for prefix in ("spectrum/", after)}
        for panel, name in zip(row, names, strict=True):
            if name not in cells[after]:
                panel.set_axis_off()
                continue
            last = cells[after][name].iloc[-1:]
            both = pd.concat([cells["spectrum/"][name][last.index], last])
            _density(panel, both, 0, "#888888", "--", "before")
            _density(panel, both, -1, palette[model], "-", "after")
            panel.set_title(f"{name_of(model)}: {_words(name)}")
            panel.set_xlabel("eigenvalue, step " + str(last.index[0]))
        row[0].set_ylabel("density per decade\n(share)")
        row[0].legend()
    return canvas


def kernel(models: Models, runs: pd.DataFrame, pair: Sequence[str]) -> Canvas | None:  # noqa: ARG001
    """A row per model, a column per term: eigenvalues by their rank, at the first and last step."""
    return _first_and_last(
        models,
        pair,
        "kernel/",
        _ranked,
        ("rank (counted from 1)", "eigenvalue of the kernel\n(squared gradient length)"),
    )


def gradient_histograms(models: Models, runs: pd.DataFrame, pair: Sequence[str]) -> Canvas | None:  # noqa: ARG001
    """Two rows per model, its first and last due step; a column per layer, a colour per term."""
    names = _terms(models, "histogram/")
    shown = [model for model, lines in models.items() if _names(lines, "histogram/")][:MOST]
    if not shown:
        return None
    palette = _palette(names)
    cells = {model: _cells(models[model][0], "histogram/") for model in shown}
    layers = max(
        len(read_histograms(series.iloc[0])[0]) for own in cells.values() for series in own.values()
    )
    canvas, panels = _canvas(2 * len(shown), layers, sharex=True, sharey=True)
    for row, (model, at) in enumerate((model, at) for model in shown for at in (0, -1)):
        for name, series in cells[model].items():
            edges, counts = read_histograms(series.iloc[at])
            for panel, own, count in zip(panels[row], edges, counts, strict=False):
                _folded(panel, own, count, palette[name], _words(name))
        step = next(iter(cells[model].values())).index[at]
        panels[row][0].set_ylabel(f"{name_of(model)}, step {step}\nshare of weights")
    for layer, panel in enumerate(panels[0], start=1):
        panel.set_title(f"layer {layer}" if layer < layers else f"layer {layer}, output")
    for panel in panels[-1]:
        panel.set_xlabel("|gradient entry|\n(loss per parameter)")
    panels[0][0].legend()
    return canvas


def _canvas(
    rows: int, columns: int, *, sharex: bool = False, sharey: bool = False
) -> tuple[Canvas, npt.NDArray[Any]]:
    canvas = Canvas(figsize=(1.0 + 2.6 * columns, 0.5 + 2.0 * rows), dpi=DPI, layout="constrained")
    return canvas, canvas.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)


def _first_and_last(
    models: Models,
    pair: Sequence[str],
    prefix: str,
    draw: Callable[[Axes, pd.Series, int, str, str, str], None],
    labels: tuple[str, str],
) -> Canvas | None:
    """Each model's bold seed at the first due step, dashed and grey, and at the last."""
    names = _terms(models, prefix)
    shown = [model for model, lines in models.items() if _names(lines, prefix)][:MOST]
    if not shown:
        return None
    palette = colours(models, pair)
    canvas, panels = _canvas(len(shown), len(names))
    for row, model in zip(panels, shown, strict=True):
        cells = _cells(models[model][0], prefix)
        for panel, name in zip(row, names, strict=True):
            if name not in cells:
                panel.set_axis_off()
                continue
            series = cells[name]
            for at, colour, dash in ((0, "#888888", "--"), (-1, palette[model], "-")):
                draw(panel, series, at, colour, dash, f"step {series.index[at]}")
            together = prefix == "kernel/" and name == "total"
            words = "all together" if together else _words(name)
            panel.set_title(f"{name_of(model)}: {words}")
            panel.set_xlabel(labels[0])
        first = next(panel for panel, name in zip(row, names, strict=True) if name in cells)
        first.set_ylabel(labels[1])
        first.legend()
    return canvas


def _density(axes: Axes, cells: pd.Series, at: int, colour: str, dash: str, label: str) -> None:
    """Nodes broadened on a signed logarithmic axis, in decades; the same axis for both steps."""
    nodes, shares = read_spectrum(cells.iloc[at])
    ends = [read_spectrum(cells.iloc[end])[0] for end in (0, -1)]
    smallest = np.abs(np.concatenate(ends)).max() * 10.0**-DECADES
    decades = partial(_decades, smallest=smallest)
    places = decades(nodes)
    grid = np.linspace(places.min() - 0.5, places.max() + 0.5, 600)
    away = (grid[:, None] - places) / SMOOTHING
    density = (np.exp(-(away**2) / 2) * shares).sum(1) / (SMOOTHING * np.sqrt(2 * np.pi))
    values = np.sign(grid) * smallest * np.sinh(np.abs(grid) * np.log(10))
    axes.plot(values, density, color=colour, linestyle=dash, linewidth=1.1, label=label)
    axes.set_xscale("asinh", linear_width=smallest)
    _few_ticks(axes)
    axes.set_yscale("log")
    axes.set_ylim(LOWEST, HIGHEST)


def _decades(values: npt.NDArray[np.float64], smallest: float) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = np.arcsinh(values / smallest) / np.log(10)
    return found


def _few_ticks(axes: Axes) -> None:
    """Every second power of ten on either side of zero, as far as the axis goes."""
    low, high = axes.get_xlim()
    reach = np.floor(np.log10(max(-low, high, 1e-300)))
    powers = 10.0 ** np.arange(reach, reach - DECADES + 1, -2)
    ticks = [tick for tick in (*-powers, 0.0, *powers[::-1]) if low <= tick <= high]
    labels = [f"{np.sign(tick):+.0f}e{np.log10(abs(tick)):.0f}" if tick else "0" for tick in ticks]
    axes.set_xticks(ticks, [_power(label) for label in labels])
    axes.minorticks_off()


def _power(label: str) -> str:
    if label == "0":
        return label
    sign, exponent = label.split("e")
    return rf"${'-' if sign == '-1' else ''}10^{{{exponent}}}$"


def _ranked(axes: Axes, cells: pd.Series, at: int, colour: str, dash: str, label: str) -> None:
    """Eigenvalues down to the rounding of the largest."""
    values = np.asarray(cells.iloc[at], dtype=float)
    values = values[values > 1e-14 * values[0]]
    ranks = np.arange(1, len(values) + 1)
    axes.loglog(ranks, values, color=colour, linestyle=dash, linewidth=1.2, label=label)


def _folded(
    axes: Axes,
    edges: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
    colour: str,
    label: str,
) -> None:
    """Both signs together, on a logarithmic axis; the bin around zero is left out."""
    half = len(counts) // 2
    if edges[-1] <= 0:
        return
    both = (counts[half + 1 :] + counts[:half][::-1]) / counts.sum()
    empty = int((both > 0).argmax())
    both, edges = both[empty:], edges[half + 1 + empty :]
    axes.stairs(both, edges, color=colour, fill=True, alpha=0.25)
    axes.stairs(both, edges, color=colour, linewidth=1.1, label=label)
    axes.set_xscale("log")


def _over_steps(
    axes: Axes, lines: Iterable[Line], column: str, colour: str, label: str, dash: str = "-"
) -> None:
    """Median over the runs, and their range."""
    each = [line.column(column) for line in lines]
    each = [values for values in each if len(values)]
    if not each:
        return
    table = pd.concat(each, axis=1)
    median = table.median(axis=1)
    axes.plot(table.index, median, color=colour, linestyle=dash, linewidth=1.3, label=label)
    axes.fill_between(
        table.index, table.min(axis=1), table.max(axis=1), color=colour, alpha=0.2, linewidth=0
    )


def _bounds(axes: Axes, models: Models, runs: pd.DataFrame, palette: Mapping[str, str]) -> None:
    """The curvature above which gradient descent with a run's learning rate is unstable."""
    highest = axes.get_ylim()[1]
    label = "2 / learning rate"
    for model, lines in models.items():
        rates = learning_rates(dict(runs.loc[lines[0].run_id].items()), lines[0].end)
        bound = (2 / rates).dropna()
        bound = bound[bound < ABOVE * highest]  # a rate that has vanished leaves no room for curves
        if bound.empty:
            continue
        axes.plot(bound.index, bound, color=palette[model], linestyle=":", linewidth=1.2)
        place = (float(bound.index[-1]), float(bound.iloc[-1]))
        side = "right" if place[0] > lines[0].end / 2 else "left"
        axes.annotate(label, place, ha=side, va="bottom", color=INK, fontsize=7)
        label = ""  # once is enough


def learning_rates(run: Mapping[Any, Any], end: int) -> pd.Series[float]:
    """The learning rate that each step's update had, from a run's configuration; null without."""
    found = np.full(end, np.nan)
    first, phase = 0, 0
    while pd.notna(run.get(f"phases.{phase}.steps")):
        get = partial(_setting, run, f"phases.{phase}")
        steps = int(run[f"phases.{phase}.steps"])
        at = np.arange(max(0, min(steps, end - first)))
        decayed = get("decay", 1.0) ** (at / get("decay_steps", 1.0))
        found[first : first + len(at)] = get("learning_rate", np.nan) * decayed
        first, phase = first + steps, phase + 1
    return pd.Series(found)


def _setting(run: Mapping[Any, Any], phase: str, name: str, default: float) -> float:
    value = run.get(f"{phase}.{name}", default)
    return default if pd.isna(value) else float(value)


def _terms(
    models: Models, prefix: str, wanted: Callable[[pd.Series], bool] | None = None
) -> list[str]:
    """Names after the prefix that some model has, in the order of the first that has them."""
    found = [name for lines in models.values() for name in _names(lines, prefix, wanted)]
    return list(dict.fromkeys(found))


def _names(
    lines: Sequence[Line], prefix: str, wanted: Callable[[pd.Series], bool] | None = None
) -> list[str]:
    return [
        name
        for name, series in _cells(lines[0], prefix).items()
        if wanted is None or wanted(series)
    ]


def _cells(line: Line, prefix: str) -> dict[str, pd.Series]:
    """What a run has of columns with the prefix, where it is not null."""
    own = {
        str(name).removeprefix(prefix): line.trajectory[name].dropna()
        for name in line.trajectory
        if str(name).startswith(prefix)
    }
    return {name: series for name, series in own.items() if len(series)}


def _changes(series: pd.Series) -> bool:
    return bool(series.nunique() > 1)


def _palette(names: Sequence[str]) -> dict[str, str]:
    return {name: TERMS[place % len(TERMS)] for place, name in enumerate(names)}


def _words(name: str) -> str:
    return {"total": "what is optimised"}.get(name, name.replace("_", " "))
