"""Conditions kept by form: channels of lift + factor * network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn_core.discretization.hard_form import HardForm
from pinn_core.engine import taylor
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.propagation import forward, propagate
from pinn_core.engine.stack import Stack
from pinn_core.engine.taylor import Taylor
from pinn_core.problems.hard import Hard
from pinn_core.testing.nesting import network

D = Derivatives("x", "t")


def factor(x: Taylor, t: Taylor) -> Taylor:
    return t * t * x * (1.0 - x)


def lift(x: Taylor, t: Taylor) -> Taylor:
    return x * taylor.cos(3.0 * t) + x * t


WITH, WITHOUT = Hard(("boundary",), factor, lift), Hard(("boundary",), factor)
LISTS: dict[str, tuple[Operator, ...]] = {
    "values": (),
    "first": (D.t, D.x - 2.0 * D.t),
    "second": (D.tt - D.xx,),
    "third": (D.t + 0.5 * D.xxx - 2.0 * D.xxt, D.x, D.ttt),
    "everything": (D.xx + 2.0 * D.xt - 3.0 * D.identity + D.x, D.x, D.identity, D.tt),
}


def by_autograd(stack: Stack, theta: Tensor, x: Tensor, hard: Hard, index: int) -> Tensor:
    """Values and all partial derivatives (value, x, t, xx, ..., ttt) of u's output ``index``."""
    x = x.clone().requires_grad_()
    a, b = x.unbind(-1)
    u = b * b * a * (1 - a) * network(stack, theta, x)[..., index]
    if hard.lift is not None:
        u = u + a * torch.cos(3 * b) + a * b
    (g,) = torch.autograd.grad(u.sum(), x, create_graph=True)
    gx, gt = (torch.autograd.grad(g[..., i].sum(), x, create_graph=True)[0] for i in range(2))
    second = [gx[..., 0], gx[..., 1], gt[..., 1]]
    thirds = [torch.autograd.grad(one.sum(), x, create_graph=True)[0] for one in second]
    third = [thirds[0][..., 0], thirds[0][..., 1], thirds[1][..., 1], thirds[2][..., 1]]
    return torch.stack([u, g[..., 0], g[..., 1], *second, *third])


def combined(op: Operator, partials: Tensor) -> Tensor:
    value, x, t, xx, xt, tt, xxx, xxt, xtt, ttt = partials
    first, second = {0: x, 1: t}, {(0, 0): xx, (0, 1): xt, (1, 1): tt}
    third = {(0, 0, 0): xxx, (0, 0, 1): xxt, (0, 1, 1): xtt, (1, 1, 1): ttt}
    total = op.zeroth * value
    total = total + sum(c * first[axis] for axis, c in op.first.items())
    total = total + sum(c * second[axes] for axes, c in op.second.items())
    return total + sum(c * third[axes] for axes, c in op.third.items())


def example(outputs: int = 2, shared: bool = False) -> tuple[Stack, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(3)
    stack = Stack((2, 6, 6, outputs), ACTIVATIONS["tanh"])
    theta = torch.randn(3, stack.size, generator=rng, dtype=torch.float64) / 2
    return stack, theta, torch.rand(1 if shared else 3, 11, 2, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("operators", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("hard", [WITH, WITHOUT], ids=["lift", "no lift"])
def test_channels_and_gradient_agree_with_nested_autograd(
    hard: Hard, operators: tuple[Operator, ...], shared: bool
) -> None:
    stack, theta, x = example(shared=shared)
    form = HardForm(hard, operators)
    here = form.at(x)
    way = forward(stack, theta, x, form.asked)
    found = here(way.channels)
    theta.requires_grad_()
    tables = [by_autograd(stack, theta, x.expand(3, -1, -1), hard, k) for k in range(2)]
    expected = torch.stack(
        [
            torch.stack([table[0], *(combined(op, table) for op in operators)], dim=1)
            for table in tables
        ],
        dim=-1,
    )
    assert torch.allclose(found, expected, rtol=1e-11, atol=1e-12)
    adjoint = torch.randn(found.shape, generator=torch.Generator().manual_seed(0)).double()
    gradient = way.reverse(here.transpose(adjoint))
    (reference,) = torch.autograd.grad((expected * adjoint).sum(), theta, retain_graph=True)
    assert torch.allclose(gradient, reference, rtol=1e-10, atol=1e-11)
    (own,) = torch.autograd.grad(
        (here(propagate(stack, theta, x, form.asked)) * adjoint).sum(), theta
    )
    assert torch.allclose(own, reference, rtol=1e-10, atol=1e-11)


def test_the_network_is_asked_for_no_more_than_needed() -> None:
    assert HardForm(WITH, ()).asked == ()
    assert HardForm(WITH, (D.t, D.x)).asked == (D.t, D.x)
    assert HardForm(WITH, (D.xx, D.t)).asked == (D.xx, D.t, D.x)
    assert HardForm(WITH, (D.xt, D.x)).asked == (D.xt, D.x, D.t)


def test_what_is_kept_is_kept_whatever_the_network() -> None:
    form = HardForm(WITH, (D.t,))
    edge = torch.tensor([[[0.0, 0.3], [1.0, 0.7], [0.4, 0.0]]], dtype=torch.float64)
    u = form.at(edge)(torch.randn(2, 2, 3, 1, dtype=torch.float64))[:, 0, :, 0]
    assert torch.allclose(u[0], u[1])
    assert torch.allclose(u[0], edge[0, :, 0] * (torch.cos(3 * edge[0, :, 1]) + edge[0, :, 1]))


def test_what_it_cannot_carry_is_said() -> None:
    bare = Hard(("boundary",), lambda x, t: t * x.of(x.value, x.value, x.value))
    with pytest.raises(ValueError, match="needs a third derivative where such are carried"):
        HardForm(bare, (D.xxt,)).at(torch.rand(1, 3, 2))
    with pytest.raises(ValueError, match="every operator once"):
        HardForm(WITH, (D.x, D.x))
