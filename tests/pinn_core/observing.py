"""Observations of a smooth field, and a small configuration that has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pinn_core import Adam, Configuration, Mlp, Observations, Pinn, Record
from pinn_core.problems import Cavity, Heat, Problem

HEAT = Heat(points_per_axis=7)
CAVITY = Cavity(points_per_axis=9)
SPARSE = Record(points=40, gradients_every=5, gradient_points=20, full_every=10, sketch_every=10)


def seen(problem: Problem = HEAT, count: int = 11, **changes: Any) -> Observations:
    """Values of a smooth field at points drawn inside the domain; the first component alone."""
    rng = np.random.default_rng(3)
    points = problem.domain.at(rng.random((count, len(problem.coordinates))))
    table = np.column_stack([points, np.sin(points.sum(axis=1))])
    names = (*problem.coordinates, problem.components[0])
    return Observations.of(changes.pop("name", "sensors"), table, names, **changes)


def configuration(*data: Observations, problem: Problem = HEAT, **changes: Any) -> Configuration:
    parts: dict[str, Any] = {
        "problem": problem,
        "network": Mlp(width=8, depth=2),
        "objective": Pinn(lambda_b=100.0),
        "phases": (Adam(steps=20),),
        "record": SPARSE,
        "data": data,
    }
    return Configuration(**{**parts, **changes})
