"""Activations and networks: their derivatives against automatic differentiation in float64."""

from __future__ import annotations

from itertools import combinations_with_replacement

import torch
from torch import Tensor

from pinn_core.engine.activations import MOST_ORDER, Activation
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.propagation import forward
from pinn_core.networks import Network
from pinn_core.testing.nesting import derivatives
from pinn_core.testing.said import demand

LINE = torch.linspace(-4.0, 4.0, 81, dtype=torch.float64)
CLOSE = 1e-9
"""Relative to the largest value of a derivative."""


def check_activation(activation: Activation) -> None:
    """Its jet is its value and its derivatives, whatever the order asked for."""
    name = getattr(activation, "kind", "activation")
    jet = activation(LINE, MOST_ORDER)
    demand(len(jet) == MOST_ORDER + 1, f"{name}: order 3 must give 4 tables, found {len(jet)}")
    for order in range(MOST_ORDER):
        shorter = activation(LINE, order)
        same = len(shorter) == order + 1 and all(map(_close, shorter, jet))
        demand(same, f"{name}: order {order} gives other numbers than order {MOST_ORDER}")
    points = LINE.clone().requires_grad_()
    with torch.enable_grad():
        expected = activation(points, 0)[0]
        for order in range(1, MOST_ORDER + 1):
            (expected,) = torch.autograd.grad(expected.sum(), points, create_graph=True)
            demand(
                _close(jet[order], expected.detach()),
                f"{name}: its derivative of order {order} is not that of its value",
            )


def check_channels(network: Network) -> None:
    """Every derivative to order three, and the gradient by the parameters; seeds decide alone."""
    stack = network.stack(2, 1)
    parametrization = network.parametrization_of(stack)
    first = network.initial(2, 1, 0)
    name = network.kind
    demand(first.shape == (parametrization.size,), f"{name}: initial has {tuple(first.shape)}")
    demand(first.dtype is torch.float64, f"{name}: initial must be float64, found {first.dtype}")
    demand(torch.equal(first, network.initial(2, 1, 0)), f"{name}: initial is not repeatable")
    demand(not torch.equal(first, network.initial(2, 1, 1)), f"{name}: seeds change nothing")
    flat, _ = parametrization.effective(first[None])
    points = torch.linspace(-0.9, 0.9, 14, dtype=torch.float64).view(1, 7, 2)
    axes = [combinations_with_replacement((0, 1), order) for order in (1, 2, 3)]
    operators = tuple(_operator(each) for order in axes for each in order)
    way = forward(stack, flat, points, operators)
    adjoint = torch.arange(way.channels.numel(), dtype=torch.float64).cos_()
    adjoint = adjoint.view(way.channels.shape)
    own = flat.clone().requires_grad_()
    expected = derivatives(stack, own, points, operators)
    for place, channel in enumerate(expected.detach().unbind(1)):
        what = "the value" if place == 0 else f"the derivative {operators[place - 1]}"
        demand(_close(way.channels[:, place], channel), f"{name}: {what} is wrong")
    (gradient,) = torch.autograd.grad((expected * adjoint).sum(), own)
    demand(_close(way.reverse(adjoint), gradient), f"{name}: the gradient is wrong")


def _operator(axes: tuple[int, ...]) -> Operator:
    letters = "".join("xy"[axis] for axis in axes)
    operator: Operator = getattr(Derivatives("x", "y"), letters)
    return operator


def _close(found: Tensor, expected: Tensor) -> bool:
    scale = float(expected.abs().max()) or 1.0
    return bool((found - expected).abs().max() <= CLOSE * max(scale, 1.0))
