"""The columns of a trajectory: what each means, its unit, and how often it is recorded."""

from collections.abc import Iterable, Mapping

from pinn_core.configuration import Configuration, Record
from pinn_core.networks import Mlp
from pinn_core.objectives import Pinn
from pinn_core.optimizers import LBFGS, OPTIMIZERS, Adam
from pinn_core.probes import PROBES
from pinn_core.problems import Heat
from pinn_core.records.trajectory import COLUMNS, CONFLICT, LANDSCAPE, columns, landscape_columns
from pinn_core.training.described import described_columns
from pinn_core.training.work import work_columns
from sitegen.reference.markdown import code, escaped, page, table

UNITS = {
    "time/": "s",
    "work/stopped": "a number of the list",
    "work/": "count",
    "weight/": "none",
    "error/": "none: relative",
    "conflict/": "none",
    "update/cosine": "none",
    "gradient/cosine": "none",
    "pairwise_cosine/": "none",
    "update/": "that of the parameters",
    "gradient/": "that of the loss",
    "layer_gradients/": "that of the loss",
    "frequency/": "none: relative",
    "curvature/": "that of the loss",
    "spectrum": "that of the loss",
    "histogram/": "that of the loss, and counts",
    "kernel/": "that of the loss",
    "alignment_score/": "none",
    "feature_rank/least_squares_error": "none: relative",
    "feature_rank/": "count",
    "gradient_snr/complexity": "the solution's slope, squared",
    "gradient_snr/": "none",
    "held_out_ratio/on": "that of the residual",
    "held_out_ratio/off": "that of the residual",
    "held_out_ratio/": "none",
    "hidden_cosine/": "none",
    "kernel_rank/": "none; eigenvalues: that of the loss",
    "propagation/": "none",
    "sharpness/largest": "that of the loss",
    "sharpness/bulk_decrease": "that of the loss",
    "sharpness/dominant_decrease": "that of the loss",
    "sharpness/": "none",
    "unknown/": "that of the unknown",
    "loss/residual": "the residual's, squared",
    "loss/regression": "the solution's, squared",
    "loss/batch": "that of the weighted losses",
    "loss/total": "that of the weighted losses",
    "loss/": "the condition's, squared",
    "sketch": "that of the parameters",
}
"""By the beginning of a column's name, without ``full/`` and ``held_out/``."""

_STEP = "every step"
_FREE = "every step with a full batch, else `record.gradients_every`"


def pages() -> dict[str, str]:
    """The page of the columns."""
    named = columns(["NAME"], True, observed=["DATA"], unknowns={"UNKNOWN": True})
    configuration = Configuration(
        problem=Heat(points_per_axis=9),
        network=Mlp(width=4, depth=2),
        objective=Pinn(),
        phases=(Adam(steps=1), LBFGS(steps=1)),
        record=Record(probes=tuple(PROBES[kind]() for kind in PROBES.names())),
    )
    every = described_columns(configuration)
    probes = {name: every[name].meaning for name in every if name.partition("/")[0] in PROBES}
    text = page(
        "# Columns of a trajectory",
        "A run of N updates has the rows 0 to N. Row k describes the parameters after k updates; "
        "a cell that was not due is null. `pinn-sweep list metrics STUDY` lists the columns that a "
        "study records and marks those that a search may go by. Equations are taken as they are "
        "written, so that a unit is that of the equation's own quantities.",
        "## In every run",
        _table(COLUMNS),
        "## By condition, observation and unknown",
        "`NAME` stands for a condition of the problem, `DATA` for a set of observations, `UNKNOWN` "
        "for a coefficient that is trained.",
        _table({name: said for name, said in named.items() if name not in COLUMNS}),
        "## By optimizer",
        _table(work_columns([OPTIMIZERS[kind]() for kind in OPTIMIZERS.names()])),
        "## Conflicts between loss terms",
        "Recorded where an aggregation or an alignment looks at them, or with `record.conflict`.",
        _table(CONFLICT),
        "## Loss landscape",
        "`TERM` is a loss term; `total` is what is optimised.",
        _table(landscape_columns(["TERM"], LANDSCAPE)),
        "## Probes",
        "As an example, those of the heat equation on 9 points along each axis and two hidden "
        "layers. How often they come is said by each probe's `every`.",
        _table(probes),
        "## Sketch",
        _table({"sketch": "random projection of the parameters (list of 512 numbers)"}),
    )
    return {"columns.md": text}


def _table(found: Mapping[str, str]) -> str:
    rows: Iterable[list[str]] = (
        [code(name), escaped(meaning), unit_of(name), _often(name)]
        for name, meaning in found.items()
    )
    return table(["column", "meaning", "unit", "recorded"], rows)


def unit_of(column: str) -> str:
    """The unit of a column's numbers; raises ``KeyError`` for a column of a new kind."""
    name = column.removeprefix("full/").removeprefix("held_out/")
    for beginning, unit in UNITS.items():
        if name.startswith(beginning):
            return unit
    raise KeyError(f"columns.UNITS says nothing of {column}")


def _often(column: str) -> str:
    kind = column.partition("/")[0]
    if kind in LANDSCAPE:
        return f"`record.{LANDSCAPE[kind]}`"
    if kind in PROBES:
        return "`every` of the probe"
    if kind in ("full", "held_out", "sketch"):
        return f"`record.{kind}_every`"
    gradients = column in ("loss/residual", "loss/total", "loss/DATA") or kind == "gradient"
    return _FREE if gradients else _STEP
