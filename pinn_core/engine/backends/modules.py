"""Networks that are torch modules: derivatives by torch's own forward mode, one member at a time.

Slower than the other backends, which know the layers that they carry derivatives through; a member
alone has the bits that it has in any pack.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pinn_core.engine.features import Features
from pinn_core.engine.operators import Channels, Operator
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor, torch

Function = Callable[[Tensor], Tensor]
Axes = tuple[int, ...]


class ModuleStack(Stack):
    """A torch module as what a pack carries points through.

    The module maps inputs (n, d) to outputs (n, k), every row on its own. Its flat parameters are
    those of ``named_parameters``, one after the other. What asks for layers sees its matrices and
    the vectors behind each.
    """

    module: "torch.nn.Module"

    def __init__(self, module: "torch.nn.Module", inputs: int, outputs: int) -> None:
        tables = [tuple(table.shape) for table in module.parameters() if table.ndim == 2]
        hidden = [shape[0] for shape in tables[:-1]] or [outputs]
        super().__init__((inputs, *hidden, outputs), _no_activation)
        object.__setattr__(self, "module", module)

    def with_features(self, features: Features | None) -> "ModuleStack":
        """The same module behind features of the coordinates."""
        other = ModuleStack(self.module, self.widths[0], self.widths[-1])
        object.__setattr__(other, "features", features)
        return other

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ModuleStack)
            and self.module is other.module
            and self.features == other.features
        )

    def __hash__(self) -> int:
        return hash((id(self.module), self.features))

    @property
    def size(self) -> int:
        """Number of parameters of one member."""
        return sum(table.numel() for table in self.module.parameters())

    def places(self) -> list[tuple[slice, slice]]:
        """Where every matrix and the vectors behind it lie in the flat parameters."""
        places: list[tuple[slice, slice]] = []
        at = 0
        for table in self.module.parameters():
            end = at + table.numel()
            if table.ndim > 1:
                places.append((slice(at, end), slice(end, end)))
            elif places:
                weights, behind = places[-1]
                places[-1] = (weights, slice(behind.start, end))
            at = end
        return places

    def last_layer(self) -> slice:
        """Nothing: what a module does to its last parameters is not known."""
        return slice(0, 0)

    def matrices(self) -> list[tuple[slice, tuple[int, int]]]:
        """Where all matrices lie, and their shapes."""
        found = []
        at = 0
        for table in self.module.parameters():
            if table.ndim == 2:
                rows, columns = table.shape
                found.append((slice(at, at + table.numel()), (rows, columns)))
            at += table.numel()
        return found

    def function(self, parameters: Tensor) -> Function:
        """The module with one member's flat parameters (P,), of coordinates (n, d)."""
        tables, at = {}, 0
        for name, table in self.module.named_parameters():
            tables[name] = parameters[at : at + table.numel()].view(table.shape)
            at += table.numel()
        for name, buffer in self.module.named_buffers():
            tables[name] = buffer.to(parameters) if buffer.is_floating_point() else buffer

        return partial(self._values, tables)

    def _values(self, tables: dict[str, Tensor], points: Tensor) -> Tensor:
        inputs = points if self.features is None else self.features.values(points)
        outputs: Tensor = torch.func.functional_call(self.module, tables, (inputs,))
        return outputs


@dataclass(frozen=True)
class Saved:
    """One pullback for each member, and the shape of the parameters."""

    pullbacks: list[Callable[[Tensor], tuple[Tensor]]]
    shape: "torch.Size"


adds_zeroth = False


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    threads: int,  # noqa: ARG001
    keep: bool,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k), and, if ``keep``, what the way back needs."""
    saved = Saved([], parameters.shape)
    outputs = []
    for member, own in enumerate(parameters):
        at = points[member if len(points) > 1 else 0].to(own.dtype)
        channels_of = partial(_channels, stack, channels, at)
        if keep:
            made, pullback = torch.func.vjp(channels_of, own)[:2]
            saved.pullbacks.append(pullback)
        else:
            made = channels_of(own)
        outputs.append(made)
    return torch.stack(outputs), saved


def reverse(saved: Saved, adjoint: Tensor) -> Tensor:
    """Gradient (m, P) of sum(outputs * adjoint) with respect to the parameters."""
    rows = [pullback(own)[0] for pullback, own in zip(saved.pullbacks, adjoint, strict=True)]
    return torch.stack(rows).view(saved.shape)


def differentiable(stack: Stack, channels: Channels, parameters: Tensor, points: Tensor) -> Tensor:
    """The outputs, differentiable by autograd to any order in the parameters."""
    rows = [
        _channels(stack, channels, points[member if len(points) > 1 else 0], own)
        for member, own in enumerate(parameters)
    ]
    return torch.stack(rows)


def _channels(stack: Stack, channels: Channels, points: Tensor, flat: Tensor) -> Tensor:
    """Value and operators (1 + operators, n, k) of one member."""
    assert isinstance(stack, ModuleStack)
    values = stack.function(flat)
    made: dict[Axes, Tensor] = {(): values(points)}
    rows = [made[()]]
    for operator in channels.operators:
        total = torch.zeros_like(rows[0])
        for axes, coefficient in _terms(operator):
            if axes not in made:
                made[axes] = _along(values, axes)(points)
            total = total + coefficient * made[axes]
        rows.append(total)
    return torch.stack(rows)


def _terms(operator: Operator) -> list[tuple[Axes, float]]:
    """The derivatives of an operator but its zeroth part, and their coefficients."""
    first = [((axis,), value) for axis, value in operator.first.items()]
    higher: Sequence[tuple[Axes, float]] = [*operator.second.items(), *operator.third.items()]
    return [*first, *higher]


def _along(function: Function, axes: Axes) -> Function:
    """The derivative of a function of points along axes, one after the other."""
    for axis in axes:
        function = partial(_slope, function, axis)
    return function


def _slope(function: Function, axis: int, points: Tensor) -> Tensor:
    direction = torch.zeros_like(points)
    direction[:, axis] = 1.0
    slope: Tensor = torch.func.jvp(function, (points,), (direction,))[1]
    return slope


def _no_activation(z: Tensor, order: int) -> tuple[Tensor, ...]:
    raise NotImplementedError("a torch module has activations of its own")
