"""A network and its derivatives by nested automatic differentiation, to compare with."""

from __future__ import annotations

import torch
from torch import Tensor

from pinn_core.engine.backends.modules import ModuleStack
from pinn_core.engine.operators import Operator
from pinn_core.engine.stack import Stack


def network(stack: Stack, parameters: Tensor, points: Tensor) -> Tensor:
    """Values (m, n, k) at points (m or 1, n, d) in operations that autograd knows."""
    if isinstance(stack, ModuleStack):
        every = points.expand(len(parameters), -1, -1)
        rows = [
            stack.function(own)(at) for own, at in zip(parameters, every.unbind(0), strict=True)
        ]
        return torch.stack(rows)

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
