"""The interactive curves: one Plotly chart per quantity of the figures."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.figures.catalogue import FIGURES, Quantity
from analysis.figures.curves import Curve, lines_of
from analysis.figures.style import colours, turns
from analysis.load import StudyData
from analysis.plateau import Plateau
from analysis.rules import PlateauRule
from analysis.wording import model_name

CURVES = 40  # of a chart, all models together; the others are in the band
MARKED = 8  # models, up to which their plateaus are marked
FEW = 3  # models whose plateaus have their names at the line
POINTS = 300  # of a curve, at most
RED = "#e5484d"  # of the plateau; legible on light and dark
BAND = (0.1, 0.9)
DASHES = ("solid", "dot", "dashdot", "longdash")
"""One for each time the colours are used up."""


def charts(
    data: StudyData, rule: PlateauRule, runs: Sequence[str], pair: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """One chart per quantity that some run has: its `name`, and Plotly's `data` and `layout`.

    `pair` are the two models that the study compares; they have colours of their own.
    Names of models are escaped: Plotly reads some HTML in them.
    """
    models = lines_of(data, rule, runs)
    seeds = data.runs["seed"].to_dict()
    return [
        _chart(quantity, curves, seeds, pair)
        for figure in FIGURES
        for quantity, curves in figure.curves(models)
    ]


def _chart(
    quantity: Quantity,
    models: dict[str, list[Curve]],
    seeds: dict[Any, int],
    pair: Sequence[str],
) -> dict[str, Any]:
    words = quantity.label.replace("\n", " ")
    figure, edges = go.Figure(), list[dict[str, Any]]()
    palette, turn = colours(models, pair), turns(models, pair)
    for model, curves in models.items():
        shown = curves[: max(1, CURVES // len(models))]
        if len(shown) < len(curves) and not quantity.once:
            figure.add_traces(list(_band(model, curves, palette[model])))
        dash = DASHES[turn[model] % len(DASHES)]
        figure.add_traces(list(_lines(model, shown, seeds, palette[model], dash)))
        plateau = curves[0].line.plateau
        if len(models) <= MARKED:
            edges += _edges_of_plateau(model, plateau, named=len(models) <= FEW)
    figure.update_layout(shapes=edges)
    figure.update_xaxes(title="step (updates)")
    figure.update_yaxes(title=words)
    if quantity.log:
        figure.update_yaxes(type="log", dtick=1, exponentformat="power")
    return {"name": words, **figure.to_dict()}


def _edges_of_plateau(model: str, plateau: Plateau, *, named: bool) -> Iterator[dict[str, Any]]:
    """Red dashed lines for the bold run, which come and go with its model."""
    name = _name(model)
    upright = {"type": "line", "yref": "y domain", "y0": 0, "y1": 1, "legendgroup": name}
    upright["line"] = {"color": RED, "width": 1.2, "dash": "dash"}
    if plateau.start is not None:
        yield {**upright, "x0": plateau.start, "x1": plateau.start}
    if plateau.end is not None:
        words = {"text": f"{name} leaves", "textposition": "start", "xanchor": "left"}
        label = {"label": {"font": {"color": RED}, **words}} if named else {}
        yield {**upright, **label, "x0": plateau.end, "x1": plateau.end}


def _name(model: str) -> str:
    return html.escape(model_name(model))


def _lines(
    model: str, curves: list[Curve], seeds: dict[Any, int], colour: str, dash: str
) -> Iterator[go.Scatter]:
    name, faint = _name(model), max(0.15, 0.8 / len(curves) ** 0.5)
    for place, curve in enumerate(curves):
        thin = curve.values.iloc[:: 1 + len(curve.values) // POINTS]
        yield go.Scatter(
            x=thin.index.to_numpy(np.float32),
            y=thin.to_numpy(np.float32),
            mode="lines",
            name=name,
            legendgroup=name,
            showlegend=place == 0,
            opacity=1 if place == 0 else faint,
            line={"color": colour, "width": 2 if place == 0 else 1, "dash": dash},
            hovertemplate=f"%{{y:.4g}} at %{{x}}<extra>{name}, seed {seeds[curve.line.run_id]}"
            f"<br>run {html.escape(curve.line.run_id)}</extra>",
        )


def _band(model: str, curves: list[Curve], colour: str) -> Iterator[go.Scatter]:
    """The middle 80 % of all runs of a model at each step."""
    name = _name(model)
    together = pd.concat([curve.values for curve in curves], axis=1).sort_index()
    together = together.interpolate(method="index", limit_area="inside")
    together = together.iloc[:: 1 + len(together) // POINTS]
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    for quantile, fill in zip(BAND, (None, "tonexty"), strict=True):
        edge = together.quantile(quantile, axis=1)
        yield go.Scatter(
            x=edge.index.to_numpy(np.float32),
            y=edge.to_numpy(np.float32),
            mode="lines",
            legendgroup=name,
            showlegend=False,
            line={"color": colour, "width": 0},
            fill=fill,
            fillcolor=f"rgba({red}, {green}, {blue}, 0.2)",
            hoverinfo="skip",
        )
