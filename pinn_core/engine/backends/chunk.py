"""One chunk of points forward and back in plain torch operations: the eager backend's inside.

Channels are laid out (m, channels, n, width): value, slopes, operators. Nothing here waits for the
device, so that a GPU can have many calls ahead, or all of them as one graph.
"""

from dataclasses import dataclass

from pinn_core.engine.backends.fused import activate, activate_reverse
from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import LANES, Stack, padded
from pinn_core.tensors import Tensor, torch


@dataclass(frozen=True)
class Saved:
    """What the reverse pass of one chunk needs: every hidden layer before and after activation."""

    points: Tensor
    before: list[Tensor]
    after: list[Tensor]


def forward(
    stack: Stack, channels: Channels, parameters: Tensor, points: Tensor, keep: bool
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k) for points (m or 1, n, d).

    If ``keep``, also what the way back needs.
    """
    layers = stack.layers(parameters)
    saved = Saved(points, [], [])
    z = first(layers[0], channels, points)
    for depth, (weights, biases) in enumerate(layers[1:], start=1):
        h = activate(z, stack.activation, channels, depth < len(layers) - 1)
        if keep:
            saved.before.append(z)
            saved.after.append(h)
        members, count, n, width = h.shape
        z = product(h.view(members, count * n, width), weights.mT)
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
        by_weights = outer(flat, h.view(members, count * n, width))
        gradients += [over_points(adjoint[:, 0]), by_weights.flatten(1)]
        back = product(flat, layers[depth][0]).view(members, count, n, width)
        slopes = depth < len(layers) - 1
        adjoint = activate_reverse(z, back, stack.activation, channels, slopes)
    gradients += first_reverse(channels, saved.points, adjoint)
    return torch.cat(gradients[::-1], dim=1)


def first(layer: tuple[Tensor, Tensor], channels: Channels, points: Tensor) -> Tensor:
    """The first layer: of a linear function the slopes are its weights, whatever the point."""
    weights, biases = layer
    n = points.shape[1]
    z = weights.new_empty(weights.shape[0], channels.count, n, weights.shape[1])
    z[:, 0] = torch.matmul(points, weights.mT) + biases[:, None]
    for slot, axis in enumerate(channels.slopes, start=1):
        z[:, slot] = weights[:, None, :, axis]
    for row, op in enumerate(channels.operators, start=-len(channels.operators)):
        z[:, row].zero_()
        for axis, coefficient in op.first.items():
            z[:, row].add_(weights[:, None, :, axis], alpha=coefficient)
    return z


def first_reverse(channels: Channels, points: Tensor, adjoint: Tensor) -> list[Tensor]:
    """The first layer's gradients, biases and then weights (flat), by its adjoint."""
    members, _, n, _ = adjoint.shape
    value = adjoint[:, 0]
    by_weights = outer(value, points.expand(members, n, -1))
    for slot, axis in enumerate(channels.slopes, start=1):
        by_weights[:, :, axis] += over_points(adjoint[:, slot])
    for row, op in enumerate(channels.operators, start=-len(channels.operators)):
        if op.first:
            total = over_points(adjoint[:, row])
            for axis, coefficient in op.first.items():
                by_weights[:, :, axis].add_(total, alpha=coefficient)
    return [over_points(value), by_weights.flatten(1)]


def product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix product of every member; a single column goes twice.

    For one member and one column torch would call a routine that rounds differently.
    """
    if right.shape[2] > 1:
        return torch.bmm(left, right)
    return torch.bmm(left, right.expand(-1, -1, 2))[:, :, :1].contiguous()


def outer(left: Tensor, right: Tensor) -> Tensor:
    """Sum over points: (m, n, k), (m, n, w) to (m, k, w); a single column goes twice.

    For one member and one column torch would call a routine that rounds differently.
    """
    if left.shape[2] == 1 and right.shape[2] % LANES == 0:
        return _aligned(left.expand(-1, -1, 2), right)[:, :1].contiguous()
    return _aligned(left, right)


def _aligned(left: Tensor, right: Tensor) -> Tensor:
    """Sum over points, every member's table equally aligned.

    Matrix routines may round by the alignment of their result, which else differs by member.
    """
    size = left.shape[2] * right.shape[2]
    if size % LANES == 0:
        return torch.bmm(left.mT, right)
    roomy = left.new_empty(left.shape[0], padded(size))
    table = roomy[:, :size].view(left.shape[0], left.shape[2], right.shape[2])
    return torch.bmm(left.mT, right, out=table)


def over_points(table: Tensor) -> Tensor:
    """Sum of (m, n, width) over n; torch's own sum rounds by the number of members."""
    ones = table.new_ones(1, 1, 1).expand(table.shape[0], table.shape[1], 1)
    return _aligned(ones, table).squeeze(1)
