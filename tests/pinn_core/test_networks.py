"""What networks draw at first, and what their trained parameters mean."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from pinn_core.engine.activations import tanh
from pinn_core.engine.parametrization import AdaptiveSlopes, Factorised, NeuralTangent
from pinn_core.engine.propagation import propagate
from pinn_core.engine.stack import Stack, padded
from pinn_core.networks import Mlp, ModifiedMlp
from pinn_core.networks.siren import Frequencies

NETWORKS = (Mlp, ModifiedMlp)


def test_the_gated_network_has_the_layers_of_the_plain_one_and_encoders() -> None:
    gated = ModifiedMlp(width=200, depth=3)
    plain = Mlp(width=200, depth=3, init="glorot").initial(2, 1, 4)
    start = gated.initial(2, 1, 4)
    assert torch.equal(start[: len(plain)], plain)
    for weights, biases in gated.stack(2, 1).encoders(start[None]):
        assert abs(weights.std() / math.sqrt(2 / 202) - 1) < 0.2
        assert abs(biases.std() / math.sqrt(2 / 201) - 1) < 0.2
    with pytest.raises(ValueError, match="depth must be >= 2, found 1"):
        ModifiedMlp(depth=1, variant="paper")
    assert ModifiedMlp(variant="paper", depth=2).stack(2, 1).gates == "paper"


@pytest.mark.parametrize("kind", NETWORKS)
def test_factorised_parameters_start_as_the_plain_ones(kind: Any) -> None:
    network = kind(width=40, depth=2, parametrization="factorised")
    stack = network.stack(3, 2)
    way = network.parametrization_of(stack)
    start = network.initial(3, 2, 7)
    plain = kind(width=40, depth=2).initial(3, 2, 7)
    assert start.shape == (way.size,)
    assert way.size - stack.size == (40 * (4 if stack.encoder_shapes else 2)) + 2
    found, _ = way.effective(start[None])
    assert found.shape == (1, padded(stack.size))
    assert torch.allclose(found[0, : stack.size], plain, rtol=1e-14)
    factors = start[stack.size :]
    assert abs(factors.mean() - 1) < 0.05 and abs(factors.std() - 0.1) < 0.03


@pytest.mark.parametrize("kind", NETWORKS)
def test_neural_tangent_parameters_are_standard_normal(kind: Any) -> None:
    network = kind(width=60, depth=2, parametrization="ntk")
    stack = network.stack(3, 1)
    start = network.initial(3, 1, 0)
    assert abs(start.std() - 1) < 0.05 and abs(start.mean()) < 0.05
    found, _ = network.parametrization_of(stack).effective(start[None])
    (first, _), (second, biases), _ = stack.layers(found)
    assert torch.allclose(first.flatten(), start[:180] / 3**0.5)
    assert abs(second.std() - 60**-0.5) < 0.01
    assert torch.equal(biases[0], start[stack.places()[1][1]])


def frequencies(stack: Stack) -> Frequencies:
    return Frequencies(stack, 3.0, 2.0)


STACKS = [Stack((2, 5, 5, 2), tanh), Stack((2, 9, 9, 1), tanh, "code")]


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("kind", [Factorised, NeuralTangent, AdaptiveSlopes, frequencies])
def test_a_pulled_back_gradient_is_autograds(kind: Any, stack: Stack) -> None:
    way = kind(stack)
    rng = torch.Generator().manual_seed(0)
    theta = torch.randn(3, padded(way.size) + 32, generator=rng, dtype=torch.float64) / 2
    x = torch.rand(3, 20, 2, generator=rng, dtype=torch.float64)
    theta.requires_grad_()
    effective, pullback = way.effective(theta)
    loss = propagate(stack, effective, x).square().sum()
    by_effective, expected = torch.autograd.grad(loss, (effective, theta), retain_graph=True)
    found = pullback(by_effective)
    assert torch.allclose(found, expected, rtol=1e-12)
    assert torch.count_nonzero(found[:, way.size :]) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [5, 33, 50])
@pytest.mark.parametrize("kind", [Factorised, AdaptiveSlopes])
def test_a_reparametrized_members_bits_do_not_depend_on_the_pack(
    kind: Any, width: int, dtype: torch.dtype
) -> None:
    stack = Stack((2, width, width, 1), tanh, "code")
    way = kind(stack)
    rng = torch.Generator().manual_seed(0)
    theta = torch.randn(3, padded(way.size), generator=rng).to(dtype)
    gradient = torch.randn(3, padded(stack.size), generator=rng).to(dtype)
    effective, pullback = way.effective(theta)
    together = pullback(gradient)
    for member in range(3):
        own = slice(member, member + 1)
        alone, back = way.effective(theta[own].clone())
        assert torch.equal(alone, effective[own])
        assert torch.equal(back(gradient[own].clone()), together[own])


@pytest.mark.parametrize("kind", NETWORKS)
def test_adaptive_slopes_steepen_the_activations_and_start_at_one(kind: Any) -> None:
    """Against tanh(a (W x + b)), written out."""
    network = kind(width=6, depth=2, activation="tanh", parametrization="adaptive")
    stack, start = network.stack(2, 1), network.initial(2, 1, 3)
    plain = kind(width=6, depth=2, activation="tanh").initial(2, 1, 3)
    assert torch.equal(start[: len(plain)], plain)
    assert torch.equal(start[len(plain) :], torch.ones(2 + len(stack.encoder_shapes)).double())
    a = torch.tensor([2.0, 0.5, 3.0, 0.25], dtype=torch.float64)[: len(start) - len(plain)]
    flat, _ = network.parametrization_of(stack).effective(torch.cat([plain, a])[None])
    x = torch.rand(1, 9, 2, dtype=torch.float64)
    found = propagate(stack, flat, x)[0, 0]
    layers = [(w[0], b[0]) for w, b in stack.layers(plain[None])]
    encoded = [
        torch.tanh(slope * (x[0] @ w[0].T + b[0]))
        for slope, (w, b) in zip(a[2:], stack.encoders(plain[None]), strict=True)
    ]
    h = x[0]
    for slope, (w, b) in zip(a, layers[:-1], strict=False):
        h = torch.tanh(slope * (h @ w.T + b))
        if encoded:
            h = h * encoded[0] + (1 - h) * encoded[1]
    assert torch.allclose(found, h @ layers[-1][0].T + layers[-1][1], rtol=1e-12, atol=1e-13)


def test_plain_parameters_are_left_alone() -> None:
    network = Mlp(width=4, depth=1)
    way = network.parametrization_of(network.stack(2, 1))
    theta = torch.rand(2, padded(way.size))
    effective, pullback = way.effective(theta)
    assert effective is theta and pullback(theta) is theta
