"""Small packs that train in a moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pinn_core import Adam, Configuration, Heat, Member, Mlp, Pinn, Record, Regression


def configuration(
    *,
    regression: bool = False,
    batch: Any = "full",
    width: int = 12,
    depth: int = 2,
    activation: Any = "tanh",
    steps: int = 12,
    learning_rate: float = 1e-3,
    lambda_b: float = 100.0,
    precision: Any = "float32",
) -> Configuration:
    objective = Regression(batch=batch) if regression else Pinn(lambda_b=lambda_b, batch=batch)
    return Configuration(
        problem=Heat(points_per_axis=7),
        network=Mlp(width=width, depth=depth, activation=activation),
        objective=objective,
        phases=(Adam(steps=steps, learning_rate=learning_rate),),
        record=Record(
            points=40, gradients_every=5, gradient_points=20, full_every=4, sketch_every=3
        ),
        precision=precision,
    )


def members(one: Configuration, rates: list[float]) -> list[Member]:
    """Members of one shape that differ in learning rate and seed."""
    return [
        Member(replace(one, phases=(replace(one.phases[0], learning_rate=rate),)), seed)
        for seed, rate in enumerate(rates)
    ]
