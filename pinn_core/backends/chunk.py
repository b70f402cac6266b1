"""One chunk of points forward and back in plain torch operations: the eager backend's inside.

Channels are laid out (m, channels, n, width): value, slopes, operators. With
q = (grad z)^T A grad z and adjoints H (value), X_i (slopes), P (operator), the reverse pass of one
activation is

    z_bar   = H s' + s'' (sum_i X_i z_i + P Lz) + s''' P q
    z_i_bar = X_i s' + 2 s'' P (A grad z)_i
    Lz_bar  = P s'
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pinn_core.operators import Channels
from pinn_core.stack import LANES, Stack, padded


@dataclass(frozen=True)
class Saved:
    """What the reverse pass of one chunk needs: every hidden layer before and after activation."""

    points: Tensor
    before: list[Tensor]
    after: list[Tensor]


def forward(
    stack: Stack, channels: Channels, parameters: Tensor, points: Tensor
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k) for points (m or 1, n, d), and what the way back needs."""
    layers = stack.layers(parameters)
    saved = Saved(points, [], [])
    z = _first(layers[0], channels, points)
    for depth, (weights, biases) in enumerate(layers[1:], start=1):
        h = _activate(stack, channels, z, slopes=depth < len(layers) - 1)
        saved.before.append(z)
        saved.after.append(h)
        members, count, n, width = h.shape
        z = _product(h.view(members, count * n, width), weights.mT)
        z = z.view(members, count, n, weights.shape[1])
        z[:, 0] += biases[:, None]
    return z, saved


def reverse(
    stack: Stack, channels: Channels, parameters: Tensor, saved: Saved, adjoint: Tensor
) -> Tensor:
    """Gradient (m, size) of sum(outputs * adjoint) with respect to the parameters."""
    layers = stack.layers(parameters)
    gradients: list[Tensor] = []
    for depth in range(len(layers) - 1, 0, -1):
        h, z = saved.after[depth - 1], saved.before[depth - 1]
        members, count, n, width = h.shape
        flat = adjoint.reshape(members, count * n, adjoint.shape[3])
        by_weights = _outer(flat, h.view(members, count * n, width))
        gradients += [_over_points(adjoint[:, 0]), by_weights.flatten(1)]
        back = _product(flat, layers[depth][0]).view(members, count, n, width)
        adjoint = _activate_reverse(stack, channels, z, back, slopes=depth < len(layers) - 1)
    gradients += _first_reverse(channels, saved.points, adjoint)
    return torch.cat(gradients[::-1], dim=1)


def _first(layer: tuple[Tensor, Tensor], channels: Channels, points: Tensor) -> Tensor:
    """The first layer: of a linear function the slopes are its weights, whatever the point."""
    weights, biases = layer
    n = points.shape[1]
    z = weights.new_empty(weights.shape[0], channels.count, n, weights.shape[1])
    z[:, 0] = torch.matmul(points, weights.mT) + biases[:, None]
    for slot, axis in enumerate(channels.slopes, start=1):
        z[:, slot] = weights[:, None, :, axis]
    drifts = torch.matmul(weights, channels.drift(weights).mT)
    for row in range(-len(channels.operators), 0):
        z[:, row] = drifts[:, None, :, row]
    return z


def _first_reverse(channels: Channels, points: Tensor, adjoint: Tensor) -> list[Tensor]:
    members, _, n, _ = adjoint.shape
    value = adjoint[:, 0]
    by_weights = _outer(value, points.expand(members, n, -1))
    for slot, axis in enumerate(channels.slopes, start=1):
        by_weights[:, :, axis] += _over_points(adjoint[:, slot])
    drift = channels.drift(adjoint)
    for row in range(len(channels.operators)):
        total = _over_points(adjoint[:, row - len(channels.operators)])
        by_weights += total[:, :, None] * drift[row]
    return [_over_points(value), by_weights.flatten(1)]


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix product of every member; a single column goes twice.

    For one member and one column torch would call a routine that rounds differently.
    """
    if right.shape[2] > 1:
        return torch.bmm(left, right)
    return torch.bmm(left, right.expand(-1, -1, 2))[:, :, :1].contiguous()


def _outer(left: Tensor, right: Tensor) -> Tensor:
    """Sum over points: (m, n, k), (m, n, w) to (m, k, w), every member's table equally aligned.

    Matrix routines may round by the alignment of their result, which else differs by member.
    """
    size = left.shape[2] * right.shape[2]
    if size % LANES == 0:
        return torch.bmm(left.mT, right)
    roomy = left.new_empty(left.shape[0], padded(size))
    table = roomy[:, :size].unflatten(1, (left.shape[2], right.shape[2]))
    return torch.bmm(left.mT, right, out=table)


def _over_points(table: Tensor) -> Tensor:
    """Sum of (m, n, width) over n; torch's own sum rounds by the number of members."""
    ones = table.new_ones(1, 1, 1).expand(table.shape[0], table.shape[1], 1)
    return _outer(ones, table).squeeze(1)


def _activate(stack: Stack, channels: Channels, z: Tensor, slopes: bool) -> Tensor:
    """Channels after the activation; the last hidden layer has no use for its slopes."""
    operators = len(channels.operators)
    jet = stack.activation(z[:, 0], 2 if operators and channels.slopes else min(operators, 1))
    if not operators:
        return jet[0].unsqueeze(1)
    kept = len(channels.slopes) if slopes else 0
    h = z.new_empty(z.shape[0], 1 + kept + operators, *z.shape[2:])
    h[:, 0] = jet[0]
    for slot in range(1, 1 + kept):
        torch.mul(jet[1], z[:, slot], out=h[:, slot])
    for row, entries in enumerate(channels.diffusion(), start=-operators):
        torch.mul(jet[1], z[:, row], out=h[:, row])
        if entries:
            h[:, row].addcmul_(jet[2], _quadratic(z, entries))
    return h


def _activate_reverse(
    stack: Stack, channels: Channels, z: Tensor, back: Tensor, slopes: bool
) -> Tensor:
    """Adjoints before the activation from those after it."""
    operators = len(channels.operators)
    jet = stack.activation(z[:, 0], 3 if channels.slopes else 1 + min(operators, 1))
    adjoint = torch.empty_like(z)
    value = torch.mul(back[:, 0], jet[1], out=adjoint[:, 0])
    if not operators:
        return adjoint
    curved = torch.zeros_like(value)
    for slot in range(1, 1 + len(channels.slopes)):
        if slopes:
            torch.mul(back[:, slot], jet[1], out=adjoint[:, slot])
            curved.addcmul_(back[:, slot], z[:, slot])
        else:
            adjoint[:, slot] = 0.0
    for row, entries in enumerate(channels.diffusion(), start=-operators):
        torch.mul(back[:, row], jet[1], out=adjoint[:, row])
        curved.addcmul_(back[:, row], z[:, row])
        if entries:
            value.addcmul_(jet[3] * back[:, row], _quadratic(z, entries))
            bend = jet[2] * back[:, row]
            for left, right, coefficient in entries:
                adjoint[:, 1 + left].addcmul_(bend, z[:, 1 + right], value=2.0 * coefficient)
    value.addcmul_(jet[2], curved)
    return adjoint


def _quadratic(z: Tensor, entries: list[tuple[int, int, float]]) -> Tensor:
    """(grad z)^T A (grad z), from the entries (slope, slope, A_ij)."""
    total = torch.zeros_like(z[:, 0])
    for left, right, coefficient in entries:
        total.addcmul_(z[:, 1 + left], z[:, 1 + right], value=coefficient)
    return total
