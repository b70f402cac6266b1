"""Packs of the shipped study ``plateaus``, made by pinn_core alone: no study file is read."""

from collections.abc import Iterator
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


def configurations(
    steps: int = 1000, narrow: int | None = None, axis: int = 26
) -> Iterator[list[Configuration]]:
    """Configurations of the study that share their shape, as they are unless told otherwise.

    ``narrow`` is the width of all networks, ``axis`` the points of each axis.
    """
    for width, depth, activation, batch in PINNS:
        losses = [Pinn(lambda_b=each, batch=batch) for each in LAMBDAS]
        network = Mlp(width=narrow or width, depth=depth, activation=activation, init="torch")
        yield [_one(network, loss, rate, steps, axis) for rate in RATES for loss in losses]
    for width, depth, activation, batch in REGRESSIONS:
        network = Mlp(width=narrow or width, depth=depth, activation=activation, init="torch")
        loss = Regression(batch=batch)
        yield [_one(network, loss, rate, steps, axis) for rate in RATES]


def packs_of_the_reference_study(steps: int, small: bool) -> Iterator[list[Member]]:
    """Packs of them that end after some steps; ``small`` has few points and narrow networks."""
    size = {"narrow": 8, "axis": 9} if small else {}
    for pack in configurations(steps, **size):
        yield [Member(one, seed) for seed, one in enumerate(pack)]


def _one(
    network: Mlp, objective: Pinn | Regression, rate: float, steps: int, axis: int
) -> Configuration:
    return Configuration(
        problem=Heat(points_per_axis=axis),
        network=network,
        objective=objective,
        phases=(Adam(steps=steps, learning_rate=rate),),
        record=Record(
            points=1024, gradients_every=25, gradient_points=600, full_every=100, sketch_every=20
        ),
    )
