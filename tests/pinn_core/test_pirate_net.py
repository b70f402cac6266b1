"""PirateNet against its equations in numpy, and what it is at first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from pinn_core import Adam, Configuration, Member, Pinn, Record, train
from pinn_core.engine.propagation import forward
from pinn_core.inputs import Periodic
from pinn_core.networks import PirateNet
from pinn_core.optimizers import Muon
from pinn_core.problems import Convection

Tables = dict[str, ndarray]


def tables(network: PirateNet, theta: torch.Tensor) -> Tables:
    """The flat parameters by name."""
    found, at = {}, 0
    for name, table in network.module(2, 1).named_parameters():
        found[name] = theta[at : at + table.numel()].view(table.shape).numpy()
        at += table.numel()
    assert at == len(theta)
    return found


def affine(own: Tables, name: str, x: ndarray) -> ndarray:
    result: ndarray = x @ own[f"{name}.weight"].T + own[f"{name}.bias"]
    return result


def features(own: Tables, x: ndarray) -> ndarray:
    along = x @ own["directions.weight"].T
    return np.concatenate([np.cos(along), np.sin(along)], axis=1)


def written_out(own: Tables, x: ndarray, blocks: int) -> ndarray:
    """Equations 4.1 to 4.8."""
    phi = features(own, x)
    u, v = (np.tanh(affine(own, f"encoders.{place}", phi)) for place in (0, 1))
    for block in range(blocks):
        f = np.tanh(affine(own, f"blocks.{block}.layers.0", phi))
        z = f * u + (1 - f) * v
        g = np.tanh(affine(own, f"blocks.{block}.layers.1", z))
        z = g * u + (1 - g) * v
        h = np.tanh(affine(own, f"blocks.{block}.layers.2", z))
        alpha = own[f"blocks.{block}.mix.alpha"]
        phi = alpha * h + (1 - alpha) * phi
    return affine(own, "leave", phi)


def values(network: PirateNet, theta: torch.Tensor, x: ndarray) -> ndarray:
    points = torch.from_numpy(x)[None]
    return forward(network.stack(2, 1), theta[None], points).channels[0, 0].numpy()


def test_the_network_is_that_of_its_equations() -> None:
    network = PirateNet(width=6, blocks=3, scale=2.0)
    random = torch.Generator().manual_seed(0)
    size = network.stack(2, 1).size
    theta = torch.randn(size, generator=random, dtype=torch.float64)
    x = np.random.default_rng(0).uniform(-1, 1, (7, 2))
    expected = written_out(tables(network, theta), x, 3)
    assert np.allclose(values(network, theta, x), expected, rtol=1e-12, atol=1e-12)


def test_it_starts_linear_in_its_features() -> None:
    network = PirateNet(width=6, blocks=3)
    theta = network.initial(2, 1, 4)
    own = tables(network, theta)
    x = np.random.default_rng(1).uniform(-1, 1, (7, 2))
    expected = affine(own, "leave", features(own, x))
    assert np.allclose(values(network, theta, x), expected, rtol=0, atol=1e-14)


def test_directions_are_drawn_with_the_scale_and_weights_by_glorots_rule() -> None:
    network = PirateNet(width=200, blocks=1, scale=2.0)
    own = tables(network, network.initial(2, 1, 0))
    assert own["directions.weight"].std() == pytest.approx(2.0, rel=0.15)
    assert own["blocks.0.layers.1.weight"].std() == pytest.approx(np.sqrt(2 / 400), rel=0.05)
    assert own["encoders.0.weight"].std() == pytest.approx(np.sqrt(2 / 400), rel=0.05)
    assert not own["leave.bias"].any()


def test_an_alpha_is_no_bias_of_another_block() -> None:
    """What asks for layers finds the alpha behind its block's third layer."""
    stack = PirateNet(width=4, blocks=2).stack(2, 1)
    behind = [biases.stop - biases.start for _, biases in stack.places()]
    assert behind == [0, 4, 4, 4, 4, 5, 4, 4, 5, 1]


@pytest.mark.parametrize("phase", [Adam(steps=3, learning_rate=1e-2), Muon(steps=3)])
def test_alone_or_packed_the_bits_are_the_same(phase: Any) -> None:
    configuration = Configuration(
        problem=Convection(points_x=6, points_t=6),
        network=PirateNet(width=6, blocks=2),
        inputs=Periodic(),
        objective=Pinn(lambda_b=10.0),
        phases=(phase,),
        record=Record(points=20, gradient_points=10, sketch_every=0),
    )
    pack = [Member(configuration, seed) for seed in range(3)]
    together = [one.digest() for one in train(pack)]
    assert len(set(together)) == 3
    assert [train([member])[0].digest() for member in pack] == together


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"width": 7}, "width must be even, found 7"),
        ({"blocks": 0}, "blocks must be >= 1, found 0"),
        ({"scale": 0.0}, "scale must be > 0, found 0"),
    ],
)
def test_impossible_settings_are_named(bad: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        PirateNet(**bad)
