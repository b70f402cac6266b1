from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends.eager import CHUNK
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.propagation import propagate
from pinn_core.engine.stack import Stack, padded
from tests.pinn_core.backends import BACKENDS

D = Derivatives("x", "y", "t")
HEAT = D.xx + D.yy - D.t
SKEW = 2.0 * D.xy + 0.5 * D.x - 3.0 * D.identity
DRIFT = D.t - 2.0 * D.x

pytestmark = pytest.mark.parametrize("backend", BACKENDS)


def nested(stack: Stack, parameters: Tensor, x: Tensor) -> Tensor:
    """Value, HEAT, SKEW and DRIFT by nested automatic differentiation."""
    h = x
    layers = stack.layers(parameters)
    for depth, (weights, biases) in enumerate(layers):
        h = h @ weights.mT + biases[:, None]
        if depth < len(layers) - 1:
            h = stack.activation(h, 0)[0]
    parts = []
    for k in range(h.shape[2]):
        (g,) = torch.autograd.grad(h[..., k].sum(), x, create_graph=True)
        second = [torch.autograd.grad(g[..., i].sum(), x, create_graph=True)[0] for i in range(3)]
        parts.append(
            torch.stack(
                [
                    h[..., k],
                    second[0][..., 0] + second[1][..., 1] - g[..., 2],
                    2 * second[0][..., 1] + 0.5 * g[..., 0] - 3 * h[..., k],
                    g[..., 2] - 2 * g[..., 0],
                ],
                dim=1,
            )
        )
    return torch.stack(parts, dim=-1)


def example(
    activation: str, width: int, depth: int, points: int = 37, outputs: int = 1
) -> tuple[Stack, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(width + depth)
    stack = Stack((3, *[width] * depth, outputs), ACTIVATIONS[activation])
    scale = width**-0.5
    parameters = torch.randn(2, padded(stack.size), generator=generator, dtype=torch.float64).mul_(
        scale
    )
    x = torch.rand(2, points, 3, generator=generator, dtype=torch.float64)
    return stack, parameters, x


def relative(found: Tensor, expected: Tensor) -> float:
    return float(((found - expected).norm() / expected.norm()).detach())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("width", "depth"), [(1, 1), (7, 1), (16, 2), (10, 4), (5, 12)])
def test_agrees_with_nested_autograd(activation: str, width: int, depth: int, backend: str) -> None:
    stack, parameters, x = example(activation, width, depth, outputs=2)
    own = parameters.clone().requires_grad_()
    theirs = parameters.clone().requires_grad_()
    found = propagate(stack, own, x, (HEAT, SKEW, DRIFT), backend=backend)
    expected = nested(stack, theirs, x.clone().requires_grad_())
    assert relative(found, expected) < 1e-12
    adjoint = torch.randn(found.shape, generator=torch.Generator().manual_seed(0)).double()
    (gradient,) = torch.autograd.grad((found * adjoint).sum(), own)
    (reference,) = torch.autograd.grad((expected * adjoint).sum(), theirs)
    assert relative(gradient, reference) < 1e-12


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("width", "depth"), [(32, 2), (64, 3), (128, 4)])
def test_float32_agrees_to_rounding(activation: str, width: int, depth: int, backend: str) -> None:
    stack, parameters, x = example(activation, width, depth, points=200)
    gradients = []
    for precision in (torch.float32, torch.float64):
        own = parameters.to(precision).requires_grad_()
        channels = propagate(stack, own, x.to(precision), (HEAT,), backend=backend)
        gradients.append(torch.autograd.grad(channels[:, 1].square().mean(), own)[0].double())
    assert relative(*gradients) < 3e-6


@pytest.mark.parametrize("operators", [(), (DRIFT,), (HEAT,)])
@pytest.mark.parametrize("points", [1, 32, CHUNK, CHUNK + 1])
def test_channels_do_not_depend_on_what_else_travels(
    operators: tuple[Operator, ...], points: int, backend: str
) -> None:
    stack, parameters, x = example("gelu", 8, 2, points)
    everything = propagate(stack, parameters, x, (HEAT, SKEW, DRIFT), backend=backend)
    found = propagate(stack, parameters, x, operators, backend=backend)
    wanted = [0] + [1 if op is HEAT else 3 for op in operators]
    assert found.shape == (2, 1 + len(operators), points, 1)
    assert torch.allclose(found, everything[:, wanted], rtol=1e-12, atol=1e-13)


def test_shared_points_are_every_members_points(backend: str) -> None:
    stack, parameters, x = example("sin", 8, 2)
    shared = propagate(stack, parameters, x[:1], (HEAT,), backend=backend)
    own = propagate(stack, parameters, x[:1].expand(2, -1, -1), (HEAT,), backend=backend)
    assert torch.equal(shared, own)


def test_padding_of_the_parameters_has_no_gradient(backend: str) -> None:
    stack, parameters, x = example("tanh", 3, 1)
    parameters.requires_grad_()
    (gradient,) = torch.autograd.grad(
        propagate(stack, parameters, x, backend=backend).sum(), parameters
    )
    assert parameters.shape[1] > stack.size
    assert torch.count_nonzero(gradient[:, stack.size :]) == 0


@pytest.mark.parametrize("operators", [(), (HEAT, SKEW)])
def test_no_points_have_no_outputs_and_no_gradient(
    operators: tuple[Operator, ...], backend: str
) -> None:
    stack, parameters, x = example("tanh", 8, 2)
    parameters.requires_grad_()
    found = propagate(stack, parameters, x[:, :0], operators, backend=backend)
    assert found.shape == (2, 1 + len(operators), 0, 1)
    (gradient,) = torch.autograd.grad(found.sum(), parameters)
    assert torch.count_nonzero(gradient) == 0
