"""Parts that a test trains quickly: few points, units, windows and inner iterations."""

from __future__ import annotations

from typing import Any

from pinn_core.curricula import Marching
from pinn_core.networks import PirateNet, ResidualMlp
from pinn_core.optimizers import OPTIMIZERS
from pinn_core.probes.sharpness import Sharpness
from pinn_core.problems import PROBLEMS, Problem

IN_TIME = {"points_x": 8, "points_t": 6}
POINTS: dict[str, dict[str, Any]] = {
    "allen_cahn": IN_TIME,
    "burgers": IN_TIME,
    "burgers_inverse": IN_TIME,
    "conductivity_inverse": IN_TIME,
    "convection": IN_TIME,
    "ginzburg_landau": {**IN_TIME, "end": 0.1},
    "gray_scott": {**IN_TIME, "end": 0.1},
    "kdv": {**IN_TIME, "end": 0.1},
    "kinetics_inverse": IN_TIME,
    "kuramoto_sivashinsky": {**IN_TIME, "end": 0.1},
    "reaction": IN_TIME,
    "reaction_diffusion": IN_TIME,
    "poisson": {"points_per_axis": 20},
    "poisson_cube": {"points_inside": 40, "points_outside": 20},
}
PARTS: dict[Any, dict[str, Any]] = {
    Marching: {"windows": 3},
    PirateNet: {"width": 6, "blocks": 1},
    ResidualMlp: {"width": 8, "blocks": 1},
    Sharpness: {"products": 10},
}


def problem_of(kind: str) -> Any:
    return PROBLEMS[kind](**POINTS.get(kind, {"points_per_axis": 7}))


def optimizer(kind: str, **settings: Any) -> Any:
    few = {"rank": 10, "cg_iterations": 20} if kind == "nncg" else {}
    return OPTIMIZERS[kind](**few, **settings)


def small(part: Any) -> Any:
    """An instance of a shipped class of parts."""
    if issubclass(part, Problem):
        return problem_of(part.kind)
    if part.kind in OPTIMIZERS and OPTIMIZERS[part.kind] is part:
        return optimizer(part.kind)
    return part(**PARTS.get(part, {}))
