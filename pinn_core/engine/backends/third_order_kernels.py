"""Activations and gates of channels with operators of order three: the counterpart of ``jets``.

Forward as ``differentiable`` has them, back by autograd, one layer at a time.
"""

from pinn_core.engine.activations import Activation
from pinn_core.engine.backends import differentiable
from pinn_core.engine.operators import Channels
from pinn_core.tensors import Tensor, torch


def activate(z: Tensor, activation: Activation, channels: Channels, slopes: bool) -> Tensor:
    """Channels after the activation; without slopes where they are not wanted."""
    h = differentiable.chained(activation, channels, list(z.unbind(1)))
    return torch.stack(h if slopes else [h[0], *h[1 + len(channels.slopes) :]], dim=1)


def activate_reverse(
    z: Tensor, back: Tensor, activation: Activation, channels: Channels, slopes: bool
) -> Tensor:
    """Adjoints before the activation from those after it."""
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        after = activate(leaf, activation, channels, slopes)
    return torch.autograd.grad(after, leaf, back)[0]


def gate(inside: Tensor, swing: Tensor, base: Tensor, channels: Channels) -> Tensor:
    """Channels of inside * swing + base, all three with all channels."""
    parts = differentiable.multiplied(channels, list(inside.unbind(1)), list(swing.unbind(1)))
    return torch.stack(parts, dim=1) + base


def gate_reverse(back: Tensor, other: Tensor, channels: Channels) -> Tensor:
    """Adjoint of one factor of a product from the product's and the other factor."""
    with torch.enable_grad():
        leaf = torch.zeros_like(other, requires_grad=True)
        product = gate(leaf, other, torch.zeros_like(other), channels)
    return torch.autograd.grad(product, leaf, back)[0]
