"""Packs of the shipped study ``plateaus``, made by pinn_core alone: no study file is read."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pinn_core import Adam, Configuration, Heat, Member, Mlp, Pinn, Record, Regression

RATES, LAMBDAS = (1e-4, 5e-4, 1e-3), (1.0, 100.0)
PINNS: tuple[tuple[int, int, Any, Any], ...] = (
    (256, 4, "gelu", "full"),
    (128, 3, "sin", "full"),
    (32, 2, "tanh", "full"),
    (256, 4, "gelu", 512),
)
"""Width, depth, activation, batch; all learning rates and weights of each are one pack."""
REGRESSIONS: tuple[tuple[int, int, Any, Any], ...] = ((256, 4, "gelu", 512), (32, 2, "tanh", 128))


def configurations() -> Iterator[list[Configuration]]:
    """Configurations of the study that share their shape."""
    for width, depth, activation, batch in PINNS:
        losses = [Pinn(lambda_b=each, batch=batch) for each in LAMBDAS]
        yield [_one(width, depth, activation, loss, rate) for rate in RATES for loss in losses]
    for width, depth, activation, batch in REGRESSIONS:
        loss = Regression(batch=batch)
        yield [_one(width, depth, activation, loss, rate) for rate in RATES]


def packs_of_the_reference_study(steps: int, small: bool) -> Iterator[list[Member]]:
    """Packs of them that end after some steps; ``small`` has few points and narrow networks."""
    for pack in configurations():
        yield [Member(_shortened(one, steps, small), seed) for seed, one in enumerate(pack)]


def _one(width: int, depth: int, activation: Any, objective: Any, rate: float) -> Configuration:  # noqa: ANN401
    return Configuration(
        problem=Heat(points_per_axis=26),
        network=Mlp(width=width, depth=depth, activation=activation, init="torch"),
        objective=objective,
        phases=(Adam(steps=1000, learning_rate=rate),),
        record=Record(
            points=1024, gradients_every=25, gradient_points=600, full_every=100, sketch_every=20
        ),
    )


def _shortened(one: Configuration, steps: int, small: bool) -> Configuration:
    phases = tuple(replace(phase, steps=steps) for phase in one.phases)
    if not small:
        return replace(one, phases=phases)
    network: Any = replace(one.network, width=8)  # type: ignore[call-arg]
    return replace(one, phases=phases, network=network, problem=Heat(points_per_axis=9))
