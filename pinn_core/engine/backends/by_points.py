"""The way back point by point: a gradient for every point, where other backends sum over points.

By the weights of a layer the gradient at a point is the outer product of the adjoint behind the
layer with what goes into it, summed over channels. So all points' gradients take one way forward
and one back, whose adjoints are not summed over points.
"""

from dataclasses import dataclass

from pinn_core.engine.backends import composed, fused, modules, native_jets
from pinn_core.engine.features import Features
from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import Stack, padded
from pinn_core.tensors import Tensor, torch

CHUNK = 512
"""Points that go through the layers together: a layer's channels then stay near the cache."""


@dataclass(frozen=True)
class Saved:
    """The stack behind features, its parameters, kernels, and what every chunk of points kept."""

    stack: Stack
    channels: Channels
    parameters: Tensor
    kernels: composed.Kernels
    chunks: list[composed.Saved]
    sizes: list[int]


@dataclass(frozen=True)
class SavedModules:
    """What ``modules`` kept of points that each went through as the only one of a member."""

    points: int
    saved: modules.Saved


adds_zeroth = False


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    native: bool,
) -> tuple[Tensor, Saved | SavedModules]:
    """Outputs (m, 1 + operators, n, k), and what the way back needs.

    ``native`` has what is done element by element done in C++, where the stack's activation and the
    parameters' device allow it.
    """
    if isinstance(stack, modules.ModuleStack):
        return _forward_modules(stack, channels, parameters, points)
    asked, channels = len(channels.operators), channels.with_pairs()
    kernels: composed.Kernels = native_jets if native else fused
    if any(op.third for op in channels.operators):
        from pinn_core.engine.backends import third_order_kernels  # imports torch

        kernels = third_order_kernels
    if stack.features is None:
        stack = stack.with_features(_coordinates(points.shape[2]))
    saved = Saved(stack, channels, parameters, kernels, [], [])
    outputs = []
    for piece in points.split(CHUNK, dim=1):
        count = piece.shape[1]
        last = piece[:, -1:].expand(-1, padded(count) - count, -1)
        inputs = torch.cat([piece, last], dim=1)
        made, kept = composed.forward(kernels, stack, channels, parameters, inputs, keep=True)
        outputs.append(made[:, : 1 + asked, :count])
        saved.chunks.append(kept)
        saved.sizes.append(count)
    return torch.cat(outputs, dim=2), saved


def reverse(saved: Saved | SavedModules, adjoint: Tensor) -> Tensor:
    """Gradients (m, n, size) of the points' sum(outputs * adjoint) over channels and outputs."""
    if isinstance(saved, SavedModules):
        return _reverse_modules(saved, adjoint)
    members, asked, points, outputs = adjoint.shape
    rows = adjoint.new_empty(members, points, saved.stack.size)
    at = 0
    for kept, count in zip(saved.chunks, saved.sizes, strict=True):
        own = adjoint.new_zeros(members, 1 + len(saved.channels.operators), padded(count), outputs)
        own[:, :asked, :count] = adjoint[:, :, at : at + count]
        found = composed.reverse(
            saved.kernels, saved.stack, saved.channels, saved.parameters, kept, own, EACH
        )
        rows[:, at : at + count] = found.view(members, padded(count), -1)[:, :count]
        at += count
    return rows


def _outer(adjoint: Tensor, inputs: Tensor) -> Tensor:
    """Sums over channels at every point: (m, c, n, k), (m or 1, c, n, w) to (m n, k, w)."""
    left = adjoint.permute(0, 2, 3, 1)
    right = inputs.transpose(1, 2).expand(len(adjoint), -1, -1, -1)
    return torch.matmul(left, right).flatten(0, 1)


EACH = composed.Gather(_outer, lambda adjoint: adjoint[:, 0].flatten(0, 1))


def _coordinates(count: int) -> Features:
    """The coordinates as features of themselves."""
    rows = tuple(tuple(float(i == j) for j in range(count)) for i in range(count))
    return Features(rows, (0.0,) * count)


def _forward_modules(
    stack: Stack, channels: Channels, parameters: Tensor, points: Tensor
) -> tuple[Tensor, SavedModules]:
    """Every point as the only one of a member of its own."""
    members, count = len(parameters), points.shape[1]
    alone = points.expand(members, -1, -1).reshape(members * count, 1, -1)
    rows = parameters.repeat_interleave(count, dim=0)
    outputs, saved = modules.forward(stack, channels, rows, alone, 1, keep=True)
    return outputs.unflatten(0, (members, count))[:, :, :, 0].transpose(1, 2), SavedModules(
        count, saved
    )


def _reverse_modules(saved: SavedModules, adjoint: Tensor) -> Tensor:
    alone = adjoint.transpose(1, 2).flatten(0, 1)[:, :, None]
    rows = modules.reverse(saved.saved, alone)
    return rows.view(-1, saved.points, rows.shape[1])
