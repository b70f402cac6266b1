"""SIREN: the layers as the paper writes them, and the spread of what they pass on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pinn_core import Adam, Configuration, Member, Pinn, Record, train
from pinn_core.engine.operators import Derivatives
from pinn_core.engine.propagation import forward
from pinn_core.inputs import Scaled
from pinn_core.networks import Siren
from pinn_core.problems import Burgers
from tests.pinn_core.backends import BACKENDS

D = Derivatives("x", "t")


def written_out(network: Siren, theta: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    h = x
    layers = network.stack(2, 1).layers(theta[None])
    for place, (weights, biases) in enumerate(layers):
        h = h @ weights[0].T + biases[0]
        if place < len(layers) - 1:
            h = torch.sin((network.omega if place else network.omega_first) * h)
    return h


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_layers_and_their_derivatives_are_the_papers(backend: str) -> None:
    network = Siren(width=7, depth=2, omega_first=5.0, omega=3.0)
    stack, theta = network.stack(2, 1), network.initial(2, 1, 0)
    flat, _ = network.parametrization_of(stack).effective(theta[None])
    x = torch.rand(8, 2, dtype=torch.float64).requires_grad_()
    channels = forward(stack, flat, x.detach()[None], (D.x, D.xx), backend=backend).channels[0]
    u = written_out(network, theta, x)
    (slopes,) = torch.autograd.grad(u.sum(), x, create_graph=True)
    (bends,) = torch.autograd.grad(slopes[:, 0].sum(), x)
    for found, expected in zip(channels, (u, slopes[:, :1], bends[:, :1]), strict=True):
        assert torch.allclose(found, expected.detach(), rtol=1e-10, atol=1e-10)


def test_weights_lie_within_the_papers_bounds_and_reach_them() -> None:
    network = Siren(width=200, depth=3, omega_first=30.0, omega=20.0)
    bounds = [1 / 2, *[np.sqrt(6 / 200) / 20] * 3]
    layers = network.stack(2, 1).layers(network.initial(2, 1, 5)[None])
    for (weights, _), bound in zip(layers, bounds, strict=True):
        assert 0.95 * bound < weights.abs().max() <= bound


def test_every_hidden_layers_arguments_have_a_spread_of_one() -> None:
    """As the paper's supplement shows: the arguments of the sines are standard normal."""
    network = Siren(width=400, depth=4)
    theta = network.initial(2, 1, 1)
    h = 2 * torch.rand(500, 2, dtype=torch.float64) - 1
    layers = network.stack(2, 1).layers(theta[None])
    for place, (weights, biases) in enumerate(layers[:-1]):
        z = 30 * (h @ weights[0].T)
        if place:
            assert z.std().item() == pytest.approx(1.0, rel=0.15)
        h = torch.sin(z + 30 * biases[0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_alone_or_packed_the_bits_are_the_same(backend: str) -> None:
    configuration = Configuration(
        problem=Burgers(points_x=8, points_t=8),
        network=Siren(width=8, depth=2, omega_first=4.0, omega=2.0),
        inputs=Scaled(),
        objective=Pinn(lambda_b=10.0),
        phases=(Adam(steps=4),),
        record=Record(points=20, gradient_points=10, sketch_every=0),
    )
    pack = [Member(configuration, seed) for seed in range(3)]
    together = [one.digest() for one in train(pack, backend=backend)]
    assert len(set(together)) == 3
    assert [train([member], backend=backend)[0].digest() for member in pack] == together


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"omega": 0.0}, "omega must be > 0, found 0"),
        ({"omega_first": float("nan")}, "omega_first must be"),
        ({"omega": 1e9}, "omega must be <= 10000"),
        ({"depth": 0}, "depth must be >= 1, found 0"),
    ],
)
def test_impossible_settings_are_named(bad: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Siren(**bad)
