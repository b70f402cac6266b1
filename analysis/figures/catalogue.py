"""The six figures of the paper, as a table: a new one is one more entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import pandas as pd

from analysis.figures.curves import Curve, Line
from pinn_core.records.trajectory import OBSERVED


@dataclass(frozen=True)
class Quantity:
    """A quantity over the steps of a run; `label` is its axis, with the unit.

    Its distribution is over all steps of a part and all seeds, or, `once` per run, the value with
    which a run ends the part. Of a `noisy` one the curves are running medians.
    """

    label: str
    values: Callable[[Line], pd.Series[float]]
    log: bool = False
    once: bool = False
    noisy: bool = False

    def curves(self, lines: Iterable[Line]) -> list[Curve]:
        """The quantity of each run."""
        return [Curve(line, self.values(line)) for line in lines]


Row = tuple[Quantity, dict[str, list[Curve]]]


@dataclass(frozen=True)
class Figure:
    """A figure: one row of panels per quantity. `caption` says how to read it."""

    slug: str
    title: str
    caption: str
    rows: tuple[Quantity, ...]

    def curves(self, models: Mapping[str, Iterable[Line]]) -> list[Row]:
        """Its rows with every model's curves; a row whose quantity no run has is left out."""
        rows = [
            (quantity, {model: quantity.curves(lines) for model, lines in models.items()})
            for quantity in self.rows
        ]
        return [
            (quantity, curves)
            for quantity, curves in rows
            if any(curve.values.notna().any() for curve in chain(*curves.values()))
        ]


def column(name: str, label: str, *, log: bool = False, noisy: bool = False) -> Quantity:
    """A recorded column of the trajectory as a quantity."""
    return Quantity(label, lambda line: line.column(name), log=log, noisy=noisy)


def of_unknowns(names: Iterable[str]) -> Figure:
    """The figure of the coefficients that were trained beside the networks."""
    rows = [
        (
            column(f"unknown/{name}", name),
            column(f"error/unknown/{name}", f"error of {name}\n(relative)", log=True),
        )
        for name in names
    ]
    return Figure(
        "7-unknowns",
        "Unknown coefficients",
        "Coefficients of the equation, trained together with the network, and their relative "
        "distance from the true values, where these are known.",
        tuple(chain.from_iterable(rows)),
    )


LOSSES = {
    "loss/regression": "regression loss\n(mean square, u²)",
    "loss/residual": "differential loss\n(mean square)",
    "loss/boundary": "boundary loss\n(mean square, u²)",
    OBSERVED: "distance from the data\n(relative L2)",
}
"""Losses and distances that are drawn, and their labels."""


def losses(curve: str = "loss/regression") -> Figure:
    """The figure of all losses; `curve`, from which plateaus are read, is always one of them."""
    shown = LOSSES if curve in LOSSES else {curve: curve, **LOSSES}
    return Figure(
        "1-losses",
        "All losses of all models",
        f"The curve of {curve} defines the plateau. Each model is evaluated on every loss, "
        "whichever it is trained on.",
        tuple(
            column(name, label, log=not name.endswith("cosine")) for name, label in shown.items()
        ),
    )


FIGURES = (
    losses(),
    Figure(
        "2-update-length",
        "Length of an update",
        "How far one update moves the parameters.",
        (column("update/norm", "update length |θₖ₊₁ − θₖ|\n(parameter units)", log=True),),
    ),
    Figure(
        "3-update-cosine",
        "Cosine of consecutive updates",
        "1: the walk keeps its direction; 0: it turns at right angles; −1: it turns back.",
        (column("update/cosine", "cosine of consecutive\nupdates (dimensionless)", noisy=True),),
    ),
    Figure(
        "4-distance",
        "Distance travelled",
        "As the crow flies, counted anew from the first step of the plateau and again from the "
        "first step after it; each dot is one seed's distance at the end of that part.",
        (
            Quantity(
                "distance travelled\n(parameter units)",
                partial(Line.travelled, per_step=False),
                once=True,
            ),
        ),
    ),
    Figure(
        "5-distance-per-step",
        "Distance travelled per step",
        "The distance of figure 4 over the number of steps it took; each dot is one seed.",
        (
            Quantity(
                "distance per step\n(parameter units)",
                partial(Line.travelled, per_step=True),
                log=True,
                once=True,
            ),
        ),
    ),
    Figure(
        "6-gradient-cosine",
        "Cosine of the two gradients",
        "Between the gradients of the differential and of the boundary loss. Below 0 a step that "
        "lowers one loss raises the other.",
        (column("gradient/cosine", "gradient cosine\n(dimensionless)", noisy=True),),
    ),
)
