"""The fallback: automatic differentiation by the coordinates, nested, for operators of any order.

Correct first: every member goes alone, so that its numbers cannot depend on its pack.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pinn_core.operators import Channels, Operator
from pinn_core.stack import Stack

CHUNK = 4096
"""Points whose graph of derivatives is made at a time."""


@dataclass(frozen=True)
class Saved:
    """Per member its parameters and the outputs of every chunk, with their graph."""

    shape: torch.Size
    members: list[tuple[Tensor, list[Tensor]]]


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    threads: int,  # noqa: ARG001
    keep: bool,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k), and, if ``keep``, what the way back needs."""
    saved = Saved(parameters.shape, [])
    outputs = []
    for own, places in _members(parameters.detach(), points):
        theta = own.clone().requires_grad_(keep)
        pieces = [derivatives(stack, theta, x, channels.operators) for x in places.split(CHUNK, 1)]
        outputs.append(torch.cat([piece.detach() for piece in pieces], dim=2))
        if keep:
            saved.members.append((theta, pieces))
    return torch.cat(outputs), saved


def reverse(saved: Saved, adjoint: Tensor) -> Tensor:
    """Gradient (m, P) of sum(outputs * adjoint) with respect to the parameters."""
    gradient = adjoint.new_zeros(saved.shape)
    for row, (theta, pieces) in enumerate(saved.members):
        slopes = adjoint[row : row + 1].split(CHUNK, dim=2)
        for piece, slope in zip(pieces, slopes, strict=True):
            (part,) = torch.autograd.grad(
                piece, theta, slope.contiguous(), retain_graph=True, materialize_grads=True
            )
            gradient[row] += part[0]
    return gradient


def channels(stack: Stack, channels: Channels, parameters: Tensor, points: Tensor) -> Tensor:
    """The outputs of ``forward``, differentiable by autograd to any order in the parameters."""
    pieces = [
        torch.cat(
            [derivatives(stack, own, x, channels.operators) for x in places.split(CHUNK, 1)], dim=2
        )
        for own, places in _members(parameters, points)
    ]
    return torch.cat(pieces)


def network(stack: Stack, parameters: Tensor, points: Tensor) -> Tensor:
    """Values (m, n, k) at points (m or 1, n, d) in operations that autograd knows."""

    def affine(h: Tensor, layer: tuple[Tensor, Tensor]) -> Tensor:
        return h @ layer[0].mT + layer[1][:, None]

    def activate(z: Tensor) -> Tensor:
        return stack.activation(z, 0)[0]

    inputs = points if stack.features is None else stack.features.values(points)
    layers = stack.layers(parameters)
    encoded = [activate(affine(inputs, layer)) for layer in stack.encoders(parameters)]
    h = inputs
    for depth, layer in enumerate(layers[:-1]):
        h = activate(affine(h, layer))
        if stack.gates == "code":
            h = h * encoded[0] + (1.0 - h) * encoded[1]
        elif stack.gates == "paper" and depth:
            h = (1.0 - h) * encoded[0] + h * encoded[1]
    return affine(h, layers[-1])


@torch.enable_grad()
def derivatives(
    stack: Stack, parameters: Tensor, points: Tensor, operators: tuple[Operator, ...]
) -> Tensor:
    """Value and operators without their zeroth part, (m, 1 + operators, n, k)."""
    points = points.detach().requires_grad_(bool(operators))
    values = network(stack, parameters, points)
    outputs = []
    for value in values.unbind(2):
        partials = _Partials(value, points)
        outputs.append(torch.stack([value, *(partials.of(op) for op in operators)], dim=1))
    return torch.stack(outputs, dim=3)


class _Partials:
    """Partial derivatives of one output (m, n), each made once."""

    def __init__(self, value: Tensor, points: Tensor) -> None:
        self._points = points
        self._made: dict[tuple[int, ...], Tensor] = {(): value}
        self._gradients: dict[tuple[int, ...], Tensor] = {}

    def of(self, op: Operator) -> Tensor:
        """The operator without its zeroth part."""
        tables = [((axis,), value) for axis, value in op.first.items()]
        total = torch.zeros_like(self._made[()])
        for axes, coefficient in [*tables, *op.second.items(), *op.third.items()]:
            total = total + coefficient * self._partial(axes)
        return total

    def _partial(self, axes: tuple[int, ...]) -> Tensor:
        if axes not in self._made:
            self._made[axes] = self._gradient(axes[:-1])[..., axes[-1]]
        return self._made[axes]

    def _gradient(self, axes: tuple[int, ...]) -> Tensor:
        if axes not in self._gradients:
            (self._gradients[axes],) = torch.autograd.grad(
                self._partial(axes).sum(), self._points, create_graph=True, materialize_grads=True
            )
        return self._gradients[axes]


def _members(parameters: Tensor, points: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Every member's parameters (1, P) and points (1, n, d)."""
    count = len(parameters)
    return list(zip(parameters.split(1), points.expand(count, -1, -1).split(1), strict=True))
