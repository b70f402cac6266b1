"""Any of the problems by nested ``torch.autograd.grad``, as careful researchers write it by hand.

Every partial derivative that a residual or a condition uses is made once, none that it does not.
"""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from benchmarks.peers.task import ACTIVATIONS
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.operators import Operator
from pinn_core.engine.stack import Stack
from pinn_core.problems import Condition


class Equations:
    """One run's loss terms at flat parameters (P,) on the points of one batch, in plain torch."""

    def __init__(
        self,
        disc: Discretization,
        activation: str,
        parameters: Tensor,
        batch: Mapping[str, PointSet],
    ) -> None:
        self._disc, self._stack = disc, disc.stack
        layers, encoders = (
            [part[0].clone().requires_grad_() for pair in own for part in pair]
            for own in (
                disc.stack.layers(parameters[None]),
                disc.stack.encoders(parameters[None]),
            )
        )
        self._layers, self._encoders = layers, encoders
        self.parameters = [*layers, *encoders]
        self._activation = ACTIVATIONS[activation]
        self._points = {name: batch[name].coordinates[0].clone() for name in batch}
        self._demanded = {name: batch[name]["target"][0] for name in disc.conditions}
        self._shares = {
            name: batch[name]["share"][0] if "share" in batch[name].tables else 1.0
            for name in disc.conditions
        }
        self._used = _used(disc)
        self._unknowns = disc.unknowns(parameters[None])[0]

    def losses(self) -> Iterator[Tensor]:
        """The mean square of the residual, then of every condition."""
        problem, points = self._disc.problem, self._points["interior"]
        partials = _Partials(self._values, points)
        channels = partials.channels(self._disc.operators, self._used)
        constants = self._unknowns[:, None, None].expand(-1, *channels.shape[1:])
        channels = torch.cat([channels, constants])
        yield problem.residual(channels[None], points[None])[0].square().sum(1).mean()
        for name, condition in self._disc.conditions.items():
            found = self._quantities(condition, self._points[name])
            squares = (found - self._demanded[name]).square() * self._shares[name]
            yield squares.sum(1).mean()

    def gradients(self) -> list[tuple[Tensor, ...]]:
        """The gradient of every loss by its own reverse pass."""
        return [
            torch.autograd.grad(loss, self.parameters, materialize_grads=True)
            for loss in self.losses()
        ]

    def gradient(self) -> tuple[Tensor, ...]:
        """The gradient of the losses' sum by one reverse pass."""
        total = torch.stack(list(self.losses())).sum()
        return torch.autograd.grad(total, self.parameters, materialize_grads=True)

    def _quantities(self, condition: Condition, points: Tensor) -> Tensor:
        found = self._at(condition, points)
        if condition.shift is None:
            return found
        return found - self._at(condition, points + points.new_tensor(condition.shift))

    def _at(self, condition: Condition, points: Tensor) -> Tensor:
        if not condition.operators:
            values = self._values(points)
            return values[:, [output for ((_, output),) in condition.sums]]
        partials = _Partials(self._values, points)
        return torch.stack([partials.of(op, out) for ((op, out),) in condition.sums], dim=1)

    def _values(self, points: Tensor) -> Tensor:
        return _network(self._stack, self._activation, self._layers, self._encoders, points)


def _network(
    stack: Stack,
    activation: Callable[[Tensor], Tensor],
    layers: list[Tensor],
    encoders: list[Tensor],
    points: Tensor,
) -> Tensor:
    linear = torch.nn.functional.linear
    own = points if stack.features is None else stack.features.values(points)
    pairs = list(zip(layers[::2], layers[1::2], strict=True))
    gates = [
        activation(linear(own, *pair)) for pair in zip(encoders[::2], encoders[1::2], strict=True)
    ]
    h = own
    for number, pair in enumerate(pairs[:-1]):
        h = activation(linear(h, *pair))
        if stack.gates == "code":
            h = h * gates[0] + (1 - h) * gates[1]
        elif stack.gates == "paper" and number:
            h = (1 - h) * gates[0] + h * gates[1]
    return linear(h, *pairs[-1])


class _Partials:
    """Partial derivatives of a network's outputs at points, made when they are first asked for."""

    def __init__(self, values: Callable[[Tensor], Tensor], points: Tensor) -> None:
        self._points = points.clone().requires_grad_()
        self._values = values(self._points)
        self._slopes: dict[tuple[int, tuple[int, ...]], Tensor] = {}

    def of(self, op: Operator, output: int) -> Tensor:
        """An operator applied to one of the outputs, at every point."""
        parts = [op.zeroth * self._values[:, output]] if op.zeroth else []
        parts += [value * self._partial(output, (axis,)) for axis, value in op.first.items()]
        for table in (op.second, op.third):
            parts += [value * self._partial(output, axes) for axes, value in table.items()]
        return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]

    def channels(self, operators: tuple[Operator, ...], used: Tensor) -> Tensor:
        """Values and operators (c, n, k); zeros stand for what nobody uses."""
        nothing = torch.zeros_like(self._values[:, 0])
        rows = [self._values] + [
            torch.stack(
                [
                    self.of(op, output) if used[channel, output] else nothing
                    for output in range(self._values.shape[1])
                ],
                dim=1,
            )
            for channel, op in enumerate(operators, start=1)
        ]
        return torch.stack(rows)

    def _partial(self, output: int, axes: tuple[int, ...]) -> Tensor:
        if not axes:
            return self._values[:, output]
        key = output, axes[:-1]
        if key not in self._slopes:
            below = self._partial(*key)
            (self._slopes[key],) = torch.autograd.grad(below.sum(), self._points, create_graph=True)
        return self._slopes[key][:, axes[-1]]


def _used(disc: Discretization) -> Tensor:
    """Which channels (c, k) the residual depends on."""
    count = 1 + len(disc.operators) + len(disc.problem.unknowns)
    shape = 1, count, 8, disc.problem.outputs
    rng = torch.Generator().manual_seed(0)
    channels = torch.randn(shape, generator=rng, requires_grad=True)
    residual = disc.problem.residual(channels, disc.interior.coordinates[:, :8].float())
    (slope,) = torch.autograd.grad(residual.square().sum(), channels)
    return (slope != 0).any(2)[0]
