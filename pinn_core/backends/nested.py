"""The fallback for operators of order three: the channels, once more differentiated by autograd.

The third-order part of an operator is taken apart as sum_k d_k L_k with L_k of order two. Every L_k
travels forward as a channel, and autograd makes its gradient by the coordinates. Slower than the
other backends; a member's numbers do not depend on its pack.
"""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from pinn_core.backends import differentiable
from pinn_core.operators import Channels, Operator
from pinn_core.stack import Stack

Parts = list[tuple[int, Operator]]
"""Axes k and operators L_k."""


@dataclass(frozen=True)
class Saved:
    """The parameters and the outputs with their graph."""

    parameters: Tensor
    outputs: Tensor


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    threads: int,  # noqa: ARG001
    keep: bool,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k), and, if ``keep``, what the way back needs."""
    own = parameters.detach().requires_grad_(keep)
    with torch.set_grad_enabled(keep):
        outputs = differentiated(stack, channels, own, points)
    return outputs.detach().clone(), Saved(own, outputs)


def reverse(saved: Saved, adjoint: Tensor) -> Tensor:
    """Gradient (m, P) of sum(outputs * adjoint) with respect to the parameters."""
    (gradient,) = torch.autograd.grad(
        saved.outputs, saved.parameters, adjoint.contiguous(), retain_graph=True
    )
    return gradient


def differentiated(stack: Stack, channels: Channels, parameters: Tensor, points: Tensor) -> Tensor:
    """The outputs of ``forward``, differentiable by autograd to any order in the parameters."""
    lower = [Operator(op.second, op.first) for op in channels.operators]
    parts = [_taken_apart(op) for op in channels.operators]
    sources = list(dict.fromkeys(source for own in parts for _, source in own))
    carried = Channels((*lower, *sources), channels.dimension)
    graph = torch.is_grad_enabled() and parameters.requires_grad

    @torch.enable_grad()
    def outputs(own: Tensor, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        table = differentiable.outputs(stack, carried, own, x)
        rows = list(table[:, : 1 + len(lower)].unbind(1))
        slopes = {
            source: _gradients(table[:, place], x)
            for place, source in enumerate(sources, start=1 + len(lower))
        }
        for row, own_parts in enumerate(parts, start=1):
            for axis, source in own_parts:
                rows[row] = rows[row] + slopes[source][axis]
        found = torch.stack(rows, dim=1)
        return found if graph else found.detach()

    return differentiable.each_chunk(stack, carried, parameters, points, outputs)


def _gradients(table: Tensor, points: Tensor) -> list[Tensor]:
    """Derivatives (m, n, k) along every axis of a channel (m, n, k)."""
    by_output = [
        torch.autograd.grad(one.sum(), points, create_graph=True, materialize_grads=True)[0]
        for one in table.unbind(2)
    ]
    return list(torch.stack(by_output, dim=2).unbind(3))


def _taken_apart(op: Operator) -> Parts:
    """The third-order part as few sum_k d_k L_k: the first or the last axis is taken out."""
    ways = []
    for place in (0, 2):
        tables: dict[int, dict[tuple[int, int], float]] = defaultdict(dict)
        for axes, value in op.third.items():
            i, j = (axis for at, axis in enumerate(axes) if at != place)
            tables[axes[place]][i, j] = value
        ways.append([(axis, Operator(second)) for axis, second in tables.items()])
    return min(ways, key=len)
