"""Conditions kept by form: channels of u = lift + factor N from the channels of a network N.

For an operator L = L' + c with second-order coefficients A,

    L[u] = L[lift] + factor L[N] + (L' factor) N + 2 (A grad factor) . grad N,

so that beside the value and L[N] the network is asked for the slopes that A needs. A part of order
three, T_ijk d_i d_j d_k, adds T_ijk times

    f_i N_jk + f_j N_ik + f_k N_ij + f_jk N_i + f_ik N_j + f_ij N_k

with f the factor, for which the network is asked for second derivatives, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.engine.operators import Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.problems.hard import Hard
from pinn_core.tensors import Tensor, torch


class HardForm:
    """A form for a list of operators: ``asked`` are those that the network must be asked for.

    They begin with the operators themselves. Raises ``ValueError`` for one that comes twice.

        >>> from pinn_core.engine.operators import Derivatives
        >>> D = Derivatives("x", "t")
        >>> form = HardForm(Hard((), lambda x, t: t * x), (D.xx - D.t,))
        >>> form.asked == (D.xx - D.t, D.x)
        True
    """

    def __init__(self, hard: Hard, operators: Sequence[Operator]) -> None:
        if len(set(operators)) < len(operators):
            raise ValueError("hard constraints take every operator once")
        self._hard = hard
        self._operators = tuple(operators)
        triples = [triple for op in operators for triple in op.third]
        products = [*triples, *(pair for op in operators for pair in op.second)]
        self._order = 3 if triples else 2
        slopes = [_partial(axis) for axis in sorted({axis for axes in products for axis in axes})]
        bends = [_partial(*pair) for triple in triples for _, pair in _splits(triple)]
        self.asked: tuple[Operator, ...] = tuple(dict.fromkeys((*operators, *slopes, *bends)))

    def at(self, points: Float[Tensor, "#m n d"]) -> "Map":
        """The pointwise map at these points; it may be kept as long as they stay."""
        coordinates = Taylor.coordinates(points, self._order)
        factor = self._hard.factor(*coordinates)
        shape = points.shape[:-1]
        lift = None if self._hard.lift is None else self._hard.lift(*coordinates)
        entries = [(0, 0, _column(factor.value, shape))]
        for row, op in enumerate(self._operators, start=1):
            entries += [
                (row, source, _column(table, shape)) for source, table in self._row(op, row, factor)
            ]
        if lift is None:
            return Map(tuple(entries), None, 1 + len(self._operators), 1 + len(self.asked))
        rows = [lift.value, *(_applied(op, lift, op.zeroth) for op in self._operators)]
        table = torch.stack([_column(row, shape) for row in rows], dim=1)
        return Map(tuple(entries), table, len(rows), 1 + len(self.asked))

    def _row(self, op: Operator, row: int, factor: Taylor) -> Iterator[tuple[int, Tensor]]:
        """Channels of the network that an operator of u takes, each with its coefficient."""
        yield row, factor.value
        yield 0, _applied(op, factor, 0.0)
        place = {own: at for at, own in enumerate(self.asked, start=1)}
        cross: dict[Operator, Tensor] = {}
        for taken, term in _crossed(op, factor):
            cross[taken] = cross[taken] + term if taken in cross else term
        for taken, table in cross.items():
            yield place[taken], table


@dataclass(frozen=True)
class Map:
    """The map of channels at fixed points: for every entry (row, source) a table (m or 1, n, 1).

    ``lift`` is (m or 1, rows, n, 1), None where it is zero.
    """

    entries: tuple[tuple[int, int, Tensor], ...]
    lift: Tensor | None
    rows: int
    sources: int

    def __call__(self, channels: Float[Tensor, "m a n k"]) -> Float[Tensor, "m c n k"]:
        """Channels of u (value, operators) from the network's (value, ``asked``).

        Differentiable by autograd.
        """
        parts: list[Tensor | None] = [None] * self.rows
        for row, source, table in self.entries:
            term = table * channels[:, source]
            before = parts[row]
            parts[row] = term if before is None else before + term
        u = torch.stack([part for part in parts if part is not None], dim=1)
        return u if self.lift is None else u + self.lift

    def transpose(self, adjoint: Float[Tensor, "m c n k"]) -> Float[Tensor, "m a n k"]:
        """Adjoints of the network's channels from those of u's."""
        shape = (adjoint.shape[0], self.sources, *adjoint.shape[2:])
        back = adjoint.new_zeros(shape)
        for row, source, table in self.entries:
            back[:, source].addcmul_(table, adjoint[:, row])
        return back


def _crossed(op: Operator, factor: Taylor) -> Iterator[tuple[Operator, Tensor]]:
    """What of the network meets derivatives of the factor, each with its coefficient."""
    for (i, j), value in op.second.items():
        for taken, left in ((i, j), (j, i)):
            yield _partial(taken), value * factor.gradient[..., left]
    for triple, value in op.third.items():
        for axis, (j, k) in _splits(triple):
            yield _partial(j, k), value * factor.gradient[..., axis]
            yield _partial(axis), value * factor.hessian[..., j, k]


def _splits(triple: tuple[int, int, int]) -> list[tuple[int, tuple[int, int]]]:
    """Each axis of a triple with the two others."""
    i, j, k = triple
    return [(i, (j, k)), (j, (i, k)), (k, (i, j))]


def _partial(*axes: int) -> Operator:
    """The derivative along one axis, or along two in ascending order."""
    if len(axes) == 1:
        return Operator(first={axes[0]: 1.0})
    return Operator(second={(axes[0], axes[1]): 1.0})


def _applied(op: Operator, f: Taylor, zeroth: float) -> Tensor:
    """The operator of a function, with this zeroth coefficient."""
    total = zeroth * f.value
    for axis, value in op.first.items():
        total = total + value * f.gradient[..., axis]
    for (i, j), value in op.second.items():
        total = total + value * f.hessian[..., i, j]
    for (i, j, k), value in op.third.items():
        assert f.third is not None
        total = total + value * f.third[..., i, j, k]
    return total


def _column(table: Tensor, shape: "torch.Size") -> Tensor:
    return table.expand(shape)[..., None]
