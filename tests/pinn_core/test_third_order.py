"""Operators of order three, and the fallback that serves them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends import eager
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.propagation import differentiable_channels, propagate
from pinn_core.engine.stack import Stack
from tests.pinn_core.test_composed import (
    MIXED,
    STACKS,
    both_ways,
    by_nesting,
    everywhere,
    example,
    relative,
    same,
    stack_of,
)

D = Derivatives("x", "y")
THIRD = (D.xxy + D.yyy - 2.0 * D.x + 0.5 * D.identity, D.xyx, D.xx)


def test_names_of_order_three_are_sorted_and_added() -> None:
    assert D.yxx == D.xxy == Operator(third={(0, 0, 1): 1.0})
    op = 2.0 * D.xxx - D.xx + D.xxx
    assert op.third == {(0, 0, 0): 3.0} and op.second == {(0, 0): -1.0}
    assert hash(D.xxy) == hash(D.xyx) != hash(D.xyy)
    with pytest.raises(AttributeError, match="no derivative 'xxxx', of order 4: an equation"):
        _ = D.xxxx


def test_one_neurons_derivatives_are_known() -> None:
    """u = c sin(a x + b y + d)."""
    a, b, d, c = 0.7, -1.3, 0.2, 1.5
    stack = Stack((2, 1, 1), ACTIVATIONS["sin"])
    parameters = torch.tensor([[a, b, d, c, 0.0]], dtype=torch.float64, requires_grad=True)
    x = torch.rand(1, 9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = x[0] @ torch.tensor([a, b], dtype=torch.float64) + d
    found = propagate(stack, parameters, x, (D.xxy, 3.0 * D.yyy - D.x))[0, 1:, :, 0]
    factors = torch.tensor([[-a * a * b], [-3 * b**3 - a]], dtype=torch.float64)
    expected = c * torch.cos(z) * factors
    assert torch.allclose(found, expected, rtol=1e-12)
    (gradient,) = torch.autograd.grad(found[0].sum(), parameters)
    by_a = (-c * (2 * a * b * torch.cos(z) - a * a * b * x[0, :, 0] * torch.sin(z))).sum()
    assert torch.allclose(gradient[0, 0], by_a, rtol=1e-12)


@everywhere
def test_agrees_with_nested_autograd(kind: dict[str, Any]) -> None:
    stack, parameters, x = example(stack_of(kind, 6, 2, 2))
    operators = (*MIXED, *THIRD)
    found = both_ways(stack, parameters, x, operators)
    expected = both_ways(stack, parameters, x, operators, by_nesting)
    assert max(map(relative, found, expected)) < 1e-12


@everywhere
def test_the_fallback_agrees_with_the_engine_up_to_order_two(kind: dict[str, Any]) -> None:
    stack, parameters, x = example(stack_of(kind, 6, 2, 2))
    channels = propagate(stack, parameters, x, (*MIXED, D.xxx))
    assert torch.allclose(channels[:, :5], propagate(stack, parameters, x, MIXED), rtol=1e-11)


@everywhere
def test_third_derivatives_are_differences_of_second_ones(kind: dict[str, Any]) -> None:
    stack, parameters, x = example(stack_of(kind, 6, 3))
    step = torch.tensor([0.0, 1e-4], dtype=torch.float64)
    found = propagate(stack, parameters, x, (D.xxy,))[:, 1]
    ahead, behind = (propagate(stack, parameters, x + s, (D.xx,))[:, 1] for s in (step, -step))
    assert torch.allclose(found, (ahead - behind) / 2e-4, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_has_a_third_derivative_and_its_gradient(activation: str) -> None:
    stack, parameters, x = example(stack_of({}, 4, 2, 1, activation), 1, 5)

    def total(theta: Tensor) -> Tensor:
        return propagate(stack, theta, x, (D.xxy,))[:, 1].sum()

    def differentiable(theta: Tensor) -> Tensor:
        return differentiable_channels(stack, theta, x, (D.xxy,))[:, 1].sum()

    assert torch.autograd.gradcheck(total, parameters.requires_grad_())
    hessian = torch.autograd.functional.hessian(differentiable, parameters)
    direction = torch.ones_like(parameters)
    (found,) = torch.autograd.grad(total(parameters + 1e-4 * direction), parameters)
    (other,) = torch.autograd.grad(total(parameters - 1e-4 * direction), parameters)
    product = (hessian.flatten(2)[0] * direction).sum(1)
    assert torch.allclose(product, (found - other)[0] / 2e-4, atol=1e-6)


def test_no_points_have_no_outputs_and_no_gradient() -> None:
    stack, parameters, x = example(stack_of({}))
    channels, gradient = both_ways(stack, parameters, x[:, :0], THIRD)
    assert channels.shape == (3, 4, 0, 1)
    assert torch.count_nonzero(gradient) == 0


@pytest.mark.parametrize("points", [70, eager.CHUNK + 1])
@pytest.mark.parametrize("kind", ["plain", "gated features"])
def test_bits_do_not_depend_on_the_pack(kind: str, points: int) -> None:
    stack, parameters, x = example(stack_of(STACKS[kind], 9, 2, 2), 3, points, torch.float32)
    for way in (propagate, differentiable_channels):
        together = both_ways(stack, parameters, x, THIRD, way)
        assert same(
            both_ways(stack, parameters.flip(0), x.flip(0), THIRD, way), together, [2, 1, 0]
        )
        for member in range(3):
            own = slice(member, member + 1)
            assert same(both_ways(stack, parameters[own], x[own], THIRD, way), together, [member])
