"""Activations and products of all channels, forward and back, in operations of one element alone.

Channels are laid out (m, channels, n, width): value, slopes, operators. With
q = (grad z)^T A grad z and adjoints H (value), X_i (slopes), P (operator), the reverse pass is

    z_bar   = H s' + s'' (sum_i X_i z_i + P Lz) + s''' P q
    z_i_bar = X_i s' + 2 s'' P (A grad z)_i
    Lz_bar  = P s'
"""

from collections.abc import Callable

from pinn_core.engine.activations import Jet
from pinn_core.engine.operators import Channels
from pinn_core.tensors import Tensor, torch

Activation = Callable[[Tensor, int], Jet]


def activate(z: Tensor, activation: Activation, channels: Channels, slopes: bool) -> Tensor:
    """Channels after the activation; the last hidden layer has no use for its slopes."""
    operators = len(channels.operators)
    jet = activation(z[:, 0], 2 if operators and channels.slopes else min(operators, 1))
    if not operators:
        return jet[0].unsqueeze(1)
    kept = len(channels.slopes) if slopes else 0
    h = z.new_empty(z.shape[0], 1 + kept + operators, *z.shape[2:])
    h[:, 0] = jet[0]
    for slot in range(1, 1 + kept):
        _multiply(jet[1], z[:, slot], h[:, slot])
    for row, entries in enumerate(channels.diffusion(), start=-operators):
        _multiply(jet[1], z[:, row], h[:, row])
        if entries:
            h[:, row].addcmul_(jet[2], _quadratic(z, entries))
    return h


def activate_reverse(
    z: Tensor, back: Tensor, activation: Activation, channels: Channels, slopes: bool
) -> Tensor:
    """Adjoints before the activation from those after it."""
    operators = len(channels.operators)
    jet = activation(z[:, 0], 3 if channels.slopes else 1 + min(operators, 1))
    adjoint = torch.empty_like(z)
    value = adjoint[:, 0]
    _multiply(back[:, 0], jet[1], value)
    if not operators:
        return adjoint
    curved = torch.zeros_like(value)
    for slot in range(1, 1 + len(channels.slopes)):
        if slopes:
            _multiply(back[:, slot], jet[1], adjoint[:, slot])
            curved.addcmul_(back[:, slot], z[:, slot])
        else:
            adjoint[:, slot].zero_()
    for row, entries in enumerate(channels.diffusion(), start=-operators):
        _multiply(back[:, row], jet[1], adjoint[:, row])
        curved.addcmul_(back[:, row], z[:, row])
        if entries:
            value.addcmul_(jet[3] * back[:, row], _quadratic(z, entries))
            bend = jet[2] * back[:, row]
            for left, right, coefficient in entries:
                adjoint[:, 1 + left].addcmul_(bend, z[:, 1 + right], value=2.0 * coefficient)
    value.addcmul_(jet[2], curved)
    return adjoint


def gate(inside: Tensor, swing: Tensor, base: Tensor, channels: Channels) -> Tensor:
    """Channels of inside * swing + base, all three with all channels.

    A product's operator is L[fg] = f L[g] + g L[f] + 2 (grad f)^T A grad g, zeroth parts left out.
    """
    h = torch.addcmul(base, inside, swing[:, :1])
    h[:, 1:].addcmul_(inside[:, :1], swing[:, 1:])
    for row, entries in enumerate(channels.diffusion(), start=-len(channels.operators)):
        for left, right, coefficient in entries:
            h[:, row].addcmul_(inside[:, 1 + left], swing[:, 1 + right], value=2.0 * coefficient)
    return h


def gate_reverse(back: Tensor, other: Tensor, channels: Channels) -> Tensor:
    """Adjoint of one factor of a product from the product's and the other factor."""
    adjoint = back * other[:, :1]
    for row in range(1, channels.count):
        adjoint[:, 0].addcmul_(back[:, row], other[:, row])
    for row, entries in enumerate(channels.diffusion(), start=-len(channels.operators)):
        for left, right, coefficient in entries:
            adjoint[:, 1 + left].addcmul_(back[:, row], other[:, 1 + right], value=2 * coefficient)
    return adjoint


def _quadratic(z: Tensor, entries: list[tuple[int, int, float]]) -> Tensor:
    """(grad z)^T A (grad z), from the entries (slope, slope, A_ij)."""
    total = torch.zeros_like(z[:, 0])
    for left, right, coefficient in entries:
        total.addcmul_(z[:, 1 + left], z[:, 1 + right], value=coefficient)
    return total


def _multiply(left: Tensor, right: Tensor, into: Tensor) -> None:
    """Write a product into a view, which a compiler may not be told with ``out``."""
    if torch.compiler.is_compiling():
        into.copy_(left * right)
    else:
        torch.mul(left, right, out=into)
