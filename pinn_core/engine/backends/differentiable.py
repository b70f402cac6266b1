"""The channels of any stack, differentiable by autograd to any order in the parameters.

For what needs derivatives of the gradient (Hessian-vector products). Matrix products and sums over
points are autograd functions whose backward is made of themselves, in the routines of ``chunk``
that keep a member's bits out of its pack's reach; all else is done element by element.
"""

from typing import Any

import torch
from torch import Tensor

from pinn_core.engine.activations import Activation
from pinn_core.engine.backends import chunk
from pinn_core.engine.backends.eager import CHUNK, groups
from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import Stack, padded

Carried = list[Tensor]
"""Value, slopes and operators of a layer, each (m, n, width)."""


def channels(stack: Stack, channels: Channels, parameters: Tensor, points: Tensor) -> Tensor:
    """Outputs (m, 1 + operators, n, k) for parameters (m, P) and points (m or 1, n, d)."""
    count, carried = points.shape[1], channels.with_pairs()
    points = torch.cat([points, points[:, -1:].expand(-1, padded(count) - count, -1)], dim=1)
    found = []
    for group in groups(stack, carried, parameters, count):
        own = parameters[group]
        inputs = (points if len(points) == 1 else points[group]).expand(len(own), -1, -1)
        pieces = [_outputs(stack, carried, own, x) for x in inputs.split(CHUNK, dim=1)]
        found.append(torch.cat(pieces, dim=2))
    return torch.cat(found)[:, : 1 + len(channels.operators), :count]


def _outputs(stack: Stack, channels: Channels, parameters: Tensor, points: Tensor) -> Tensor:
    """The channels of one chunk of points (m, n, d), n a multiple of ``LANES``."""

    def activated(z: Carried) -> Carried:
        return chained(stack.activation, channels, z)

    layers = stack.layers(parameters)
    encoded = [
        activated(_entered(stack, channels, layer, points)) for layer in stack.encoders(parameters)
    ]
    if stack.base_encoder == 0:
        encoded.reverse()
    h = activated(_entered(stack, channels, layers[0], points))
    for depth in range(1, len(layers)):
        if stack.has_gate(depth - 1):
            swing = [u - v for u, v in zip(*encoded, strict=True)]
            product = multiplied(channels, h, swing)
            h = [left + right for left, right in zip(product, encoded[1], strict=True)]
        h = _affine(h, layers[depth])
        if depth < len(layers) - 1:
            h = activated(h)
    return torch.stack([h[0], *h[1 + len(channels.slopes) :]], dim=1)


def _entered(
    stack: Stack, channels: Channels, layer: tuple[Tensor, Tensor], points: Tensor
) -> Carried:
    weights, biases = layer
    if stack.features is not None:
        return _affine(list(stack.features.channels(points, channels).unbind(1)), layer)
    n = points.shape[1]
    z = [_product(points, weights.mT) + _spread(biases, n)]
    z += [_spread(weights[:, :, axis], n) for axis in channels.slopes]
    for op in channels.operators:
        total = torch.zeros_like(biases)
        for axis, coefficient in op.first.items():
            total = total + coefficient * weights[:, :, axis]
        z.append(_spread(total, n))
    return z


def _affine(h: Carried, layer: tuple[Tensor, Tensor]) -> Carried:
    weights, biases = layer
    n = h[0].shape[1]
    z = _product(torch.cat(h, dim=1), weights.mT).unflatten(1, (len(h), n)).unbind(1)
    return [z[0] + _spread(biases, n), *z[1:]]


def chained(activation: Activation, channels: Channels, z: Carried) -> Carried:
    """The chain rule of every channel, as ``pinn_core.engine.operators`` has it."""
    cubes = channels.cubes()
    value, slope, bend, *twist = activation(z[0], 3 if any(cubes) else 2)
    h = [value, *(slope * channel for channel in z[1:])]
    for row, entries in enumerate(channels.bends(), start=1 + len(channels.slopes)):
        for left, right, coefficient in entries:
            h[row] = h[row] + coefficient * bend * z[left] * z[right]
    for row, triples in enumerate(cubes, start=1 + len(channels.slopes)):
        for i, j, k, coefficient in triples:
            h[row] = h[row] + coefficient * twist[0] * z[i] * z[j] * z[k]
    return h


def multiplied(channels: Channels, f: Carried, g: Carried) -> Carried:
    """fg, f g_i + g f_i, f Lg + g Lf + what both factors' derivatives have together."""
    pairs = list(zip(f, g, strict=True))
    h = [f[0] * g[0], *(f[0] * right + g[0] * left for left, right in pairs[1:])]
    for row, entries in enumerate(channels.bends(), start=1 + len(channels.slopes)):
        for left, right, coefficient in entries:
            h[row] = h[row] + coefficient * (f[left] * g[right] + f[right] * g[left])
    return h


def _product(left: Tensor, right: Tensor) -> Tensor:
    found: Tensor = _Product.apply(left, right)  # type: ignore[no-untyped-call]
    return found


def _outer(left: Tensor, right: Tensor) -> Tensor:
    found: Tensor = _Outer.apply(left, right)  # type: ignore[no-untyped-call]
    return found


def _spread(row: Tensor, n: int) -> Tensor:
    found: Tensor = _Spread.apply(row, n)  # type: ignore[no-untyped-call]
    return found


class _Product(torch.autograd.Function):
    """Matrix product of every member: (m, p, k), (m, k, w) to (m, p, w)."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(left, right)
        return chunk.product(left, right)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401
        left, right = ctx.saved_tensors
        return (
            _product(slopes[0], right.mT) if ctx.needs_input_grad[0] else None,
            _outer(left, slopes[0]) if ctx.needs_input_grad[1] else None,
        )


class _Outer(torch.autograd.Function):
    """Sum over points: (m, n, k), (m, n, w) to (m, k, w)."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(left, right)
        return chunk.outer(left, right)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401
        left, right = ctx.saved_tensors
        return (
            _product(right, slopes[0].mT) if ctx.needs_input_grad[0] else None,
            _product(left, slopes[0]) if ctx.needs_input_grad[1] else None,
        )


class _Spread(torch.autograd.Function):
    """The same row (m, w) at n points: (m, n, w)."""

    @staticmethod
    def forward(_: Any, row: Tensor, n: int) -> Tensor:  # noqa: ANN401
        return row[:, None].expand(-1, n, -1).contiguous()

    @staticmethod
    def backward(_: Any, *slopes: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        found: Tensor = _Gather.apply(slopes[0])  # type: ignore[no-untyped-call]
        return found, None


class _Gather(torch.autograd.Function):
    """Sum over points: (m, n, w) to (m, w)."""

    @staticmethod
    def forward(ctx: Any, table: Tensor) -> Tensor:  # noqa: ANN401
        ctx.points = table.shape[1]
        return chunk.over_points(table)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:  # noqa: ANN401
        return _spread(slopes[0], ctx.points)
