"""Gradients by the parameters of what belongs to single points, for all points in one way back.

Of a stack of layers the gradient of one point is, in every affine map, a sum of few products of two
vectors (``pinn_core.engine.tracing``). Lengths and inner products of such gradients are made of the
vectors' inner products, without the gradients themselves. Torch modules, and problems that train
unknowns beside the network, go point by point.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

from jaxtyping import Float, Int

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.backends.modules import ModuleStack
from pinn_core.engine.stack import padded
from pinn_core.engine.tracing import AffineMap, Tracing
from pinn_core.objectives.term import Term
from pinn_core.tensors import Tensor, torch

Pairs = Sequence[tuple[Tensor, ...]]
"""For every affine map of a stack what it was given (m, c, n, i), and adjoints (m, c, n, o)."""

AT_ONCE = 1 << 24
"""Numbers of gradients that are made at once where points go one by one."""


class PointGradients(ABC):
    """One gradient for each point and member."""

    @abstractmethod
    def rows(self) -> Float[Tensor, "m n _"]:
        """The gradients themselves."""

    def products(self, left: Int[Tensor, " k"], right: Int[Tensor, " k"]) -> Float[Tensor, "m k"]:
        """Inner products of the gradients of pairs of points, given by their numbers."""
        rows = self.rows()
        return (rows[:, left] * rows[:, right]).sum(2)

    def squares(self) -> Float[Tensor, "m n"]:
        """Squared lengths."""
        return self.rows().square().sum(2)


@dataclass(frozen=True)
class _Table(PointGradients):
    table: Tensor

    def rows(self) -> Float[Tensor, "m n _"]:
        return self.table


@dataclass(frozen=True)
class _Layered(PointGradients):
    """Of a stack with these parameters.

    The gradient at a point by a map's matrix is the sum over c of adjoint (o) times input (i).
    """

    disc: Discretization
    parameters: Tensor
    maps: Pairs

    def rows(self) -> Float[Tensor, "m n _"]:
        parts = []
        for inputs, adjoints in self.maps:
            matrices = torch.einsum("mcno,mcni->mnoi", adjoints, inputs)
            parts += [matrices[..., :-1].flatten(2), matrices[..., -1]]
        flat = torch.cat(parts, dim=2)
        missing = padded(self.disc.stack.size) - flat.shape[2]
        flat = torch.nn.functional.pad(flat, (0, missing))
        _, pullback = self.disc.parametrization.effective(self.parameters)
        by_point = [pullback(own) for own in flat.unbind(1)]
        return torch.stack(by_point, dim=1)[..., : self.disc.size]

    def products(self, left: Int[Tensor, " k"], right: Int[Tensor, " k"]) -> Float[Tensor, "m k"]:
        if not self.disc.parametrization.identical:
            return super().products(left, right)
        return self._inner(
            [tuple(table[:, :, left] for table in pair) for pair in self.maps],
            [tuple(table[:, :, right] for table in pair) for pair in self.maps],
        )

    def squares(self) -> Float[Tensor, "m n"]:
        if not self.disc.parametrization.identical:
            return super().squares()
        return self._inner(self.maps, self.maps)

    def _inner(self, left: Pairs, right: Pairs) -> Float[Tensor, "m k"]:
        """Of gradients that two lists of inputs and adjoints stand for, point by point."""
        total = self.parameters.new_zeros(())
        for one, other in zip(left, right, strict=True):
            given, made = (
                _by_channel(a) @ _by_channel(b).mT for a, b in zip(one, other, strict=True)
            )
            total = total + (given * made).sum((2, 3))
        return total


def _by_channel(table: Float[Tensor, "m c k w"]) -> Float[Tensor, "m k c w"]:
    return table.movedim(1, 2)


@dataclass(frozen=True)
class AtPoints:
    """Quantities (m, n, q) at points, and how to get the gradient of a sum of them at each point.

    ``gradients`` takes the sums' coefficients (m, n, q).
    """

    quantities: Float[Tensor, "m n q"]
    gradients: Callable[[Tensor], PointGradients]


def term_at(
    disc: Discretization, parameters: Float[Tensor, "m p"], term: Term, point_set: PointSet
) -> AtPoints:
    """What a term squares (before its target is taken away) at each of the points."""
    if _goes_point_by_point(disc):
        return _one_by_one(
            parameters, point_set, lambda own, part: term.quantities(disc, own, part)
        )
    traced = _traced(disc)
    points = point_set.coordinates.to(parameters.dtype)
    with torch.enable_grad():
        channels = term.differentiable(traced, parameters, points)
        quantities = term.of_channels(channels, point_set)
    return _at_points(traced, parameters, quantities)


def values_at(
    disc: Discretization, parameters: Float[Tensor, "m p"], point_set: PointSet
) -> AtPoints:
    """The solution's components at each of the points."""
    if _goes_point_by_point(disc):

        def linearized(own: Tensor, part: PointSet) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            way = disc.linearize(own, part.coordinates.to(own.dtype))
            return way.channels[:, 0], lambda slope: way.reverse(slope[:, None])

        return _one_by_one(parameters, point_set, linearized)
    traced = _traced(disc)
    points = point_set.coordinates.to(parameters.dtype)
    with torch.enable_grad():
        values = traced.differentiable(parameters, points)[:, 0]
    return _at_points(traced, parameters, values)


def _goes_point_by_point(disc: Discretization) -> bool:
    return isinstance(disc.stack, ModuleStack) or bool(disc.coefficients.unknowns)


def _traced(disc: Discretization) -> Discretization:
    """The same discretization, whose differentiable channels leave their affine maps."""
    traced = copy(disc)
    traced.channels_of = Tracing()
    return traced


def _at_points(disc: Discretization, parameters: Tensor, quantities: Tensor) -> AtPoints:
    assert isinstance(disc.channels_of, Tracing)
    maps = disc.channels_of.maps.copy()

    def gradients(coefficients: Tensor) -> PointGradients:
        outputs = [each.outputs for each in maps]
        adjoints = torch.autograd.grad(
            quantities, outputs, coefficients, retain_graph=True, materialize_grads=True
        )
        count = quantities.shape[1]
        pairs = [_of_points(*pair, count) for pair in zip(maps, adjoints, strict=True)]
        return _Layered(disc, parameters, pairs)

    return AtPoints(quantities.detach(), gradients)


def _of_points(traced: AffineMap, adjoints: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Both tables by the term's points: those that a point and its partner share are channels."""

    def gathered(table: Tensor) -> Tensor:
        by_point: Tensor = table.unflatten(2, (count, -1))
        return by_point.movedim(3, 2).flatten(1, 2)

    return gathered(traced.inputs), gathered(adjoints)


def _one_by_one(
    parameters: Float[Tensor, "m p"],
    point_set: PointSet,
    of: Callable[[Tensor, PointSet], tuple[Tensor, Callable[[Tensor], Tensor]]],
) -> AtPoints:
    """Every point as if it were a member's only one."""
    at_once = max(1, AT_ONCE // parameters.shape[1])
    made, backs = [], []
    for member, own in enumerate(parameters):
        for part in point_set.of([member]).one_by_one(at_once):
            quantities, back = of(own.expand(len(part.coordinates), -1), part)
            made.append(quantities[:, 0])
            backs.append(back)
    sizes = [len(part) for part in made]
    shape = (len(parameters), len(point_set))

    def gradients(coefficients: Tensor) -> PointGradients:
        slopes = coefficients.flatten(0, 1).split(sizes)
        rows = [back(slope[:, None]) for back, slope in zip(backs, slopes, strict=True)]
        return _Table(torch.cat(rows).unflatten(0, shape))

    return AtPoints(torch.cat(made).unflatten(0, shape), gradients)
