"""A problem's residuals as polynomials, traced from ``Problem.residual``: what native steps take.

The residual is called once, with symbols in place of the network's channels. Most equations are
polynomials in the entries of the channels (value, operators), with coefficients that are numbers
or functions of the points; what is no such polynomial, or does with its channels what is not known
here, has no form and is left to torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import unwrap
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.engine.polynomials import Entry, Polynomials, Product
from pinn_core.problems.problem import Problem
from pinn_core.tensors import Tensor, torch

Coefficient = float | Tensor
"""A number, or one for every point (n,), in float64."""
Polynomial = Mapping[tuple[Entry, ...], Coefficient]
"""By the sorted entries of a product, its coefficient."""


class NotTraced(Exception):
    """The residual does what symbols do not know."""


@dataclass(frozen=True)
class ResidualForm:
    """Every residual as a polynomial; ``coefficients`` (1, n, columns) are those of the points.

    >>> from pinn_core.problems import Burgers
    >>> form = traced(Burgers(), torch.zeros(1, 3, 2))
    >>> [product.entries for product in form.polynomials.quantities[0]]
    [((1, 0, 0),), ((0, 0, 0), (2, 0, 0))]
    """

    polynomials: Polynomials
    coefficients: Float[Tensor, "1 n _"]


def traced(problem: Problem, points: Float[Tensor, "1 n d"]) -> ResidualForm | None:
    """The form of a problem's residuals with its coefficients at the points, if there is one."""
    shape = (1, 1 + len(problem.operators) + len(problem.unknowns), 1, problem.outputs)
    cells = np.empty(shape, dtype=object)
    for _, channel, _, output in np.ndindex(*shape):
        cells[0, channel, 0, output] = {((channel, output, 0),): 1.0}
    residual = unwrap(type(problem).residual)  # a type checker around it would refuse symbols
    try:
        found: Any = residual(problem, _Symbols(cells, ("m", "c", "n", "k")), points.double())
    except Exception:  # a plugin's residual may do anything
        return None
    if not isinstance(found, _Symbols) or found.axes[:2] != ("m", "n") or found.cells.ndim != 3:
        return None
    tables: list[Tensor] = []

    def product(entries: tuple[Entry, ...], coefficient: Coefficient) -> Product:
        if not isinstance(coefficient, Tensor):
            return Product(coefficient, None, entries)
        tables.append(coefficient)
        return Product(1.0, len(tables) - 1, entries)

    residuals = tuple(
        tuple(product(*term) for term in polynomial.items()) for polynomial in found.cells[0, 0]
    )
    if not all(residuals):
        return None
    count = points.shape[1]
    columns = [table.expand(count) for table in tables]
    coefficients = torch.stack(columns, 1) if columns else points.new_zeros(count, 0).double()
    return ResidualForm(Polynomials(residuals, len(columns)), coefficients[None])


def is_linear(problem: Problem) -> bool:
    """Whether the residuals are linear operators on the outputs plus known functions.

    As the problem says, or as its residual is traced at a few points.

    >>> from pinn_core.problems import Burgers, Heat
    >>> is_linear(Heat()), is_linear(Burgers())
    (True, False)
    """
    if problem.linear:
        return True
    if problem.unknowns:
        return False
    unit = np.linspace(0.2, 0.8, 3)[:, None].repeat(len(problem.coordinates), 1)
    form = traced(problem, torch.from_numpy(problem.domain.at(unit))[None])
    products = [] if form is None else sum(form.polynomials.quantities, ())
    return bool(products) and all(len(product.entries) <= 1 for product in products)


class _Symbols:
    """Polynomials in the shape of a tensor whose axes m and n have length 1.

    ``axes`` say what each axis is: m the members, c the channels, n the points, else anything.
    """

    def __init__(self, cells: ndarray, axes: tuple[str, ...]) -> None:
        self.cells, self.axes = cells, axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.cells.shape

    def __getitem__(self, key: Any) -> "_Symbols":  # noqa: ANN401
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.cells.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.cells.ndim - len(keys))
        for name, own in zip(self.axes, keys, strict=True):
            whole = isinstance(own, slice) and own == slice(None)
            if not isinstance(own, int | slice) or (name in ("m", "n") and not whole):
                raise NotTraced
        kept = [name for name, own in zip(self.axes, keys, strict=True) if isinstance(own, slice)]
        cells = np.empty(self.cells[tuple(keys)].shape, dtype=object)
        cells[...] = self.cells[tuple(keys)]
        return _Symbols(cells, tuple(kept))

    def unbind(self, dim: int = 0) -> tuple["_Symbols", ...]:
        """Along an axis that is neither the members' nor the points'."""
        dim %= self.cells.ndim
        before = (slice(None),) * dim
        return tuple(self[(*before, at)] for at in range(self.cells.shape[dim]))

    def pow(self, exponent: float) -> "_Symbols":
        """A power with a small whole exponent."""
        if not isinstance(exponent, int) or not 1 <= exponent <= 8:
            raise NotTraced
        result = self
        for _ in range(exponent - 1):
            result = result * self
        return result

    def square(self) -> "_Symbols":
        """The product with itself."""
        return self * self

    def __pow__(self, exponent: float) -> "_Symbols":
        return self.pow(exponent)

    def __neg__(self) -> "_Symbols":
        return self * -1.0

    def __add__(self, other: "_Symbols | Tensor | float") -> "_Symbols":
        return self._with(other, _sum)

    def __mul__(self, other: "_Symbols | Tensor | float") -> "_Symbols":
        return self._with(other, _product)

    def __sub__(self, other: "_Symbols | Tensor | float") -> "_Symbols":
        return self + (-other)

    def __rsub__(self, other: "_Symbols | Tensor | float") -> "_Symbols":
        return -self + other

    def __truediv__(self, other: "Tensor | float") -> "_Symbols":
        return self * (1 / other)

    __radd__, __rmul__ = __add__, __mul__

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: tuple[Any, ...] = (),
        named: Mapping[str, Any] | None = None,
    ) -> "_Symbols":
        """What torch asks of symbols: to be stacked, and arithmetic with a tensor before them."""
        if function is torch.stack:
            return _stacked(*arguments, **(named or {}))
        left, right = arguments
        joined: _Symbols
        match function.__name__.strip("_"):
            case "add":
                joined = right + left
            case "mul":
                joined = right * left
            case "sub":
                joined = -right + left
            case _:
                raise NotTraced
        return joined

    def _with(
        self,
        other: "_Symbols | Tensor | float",
        join: Callable[[Polynomial, Polynomial], Polynomial],
    ) -> "_Symbols":
        cells = self._cells_of(other)
        left, right = np.broadcast_arrays(self.cells, cells)
        result = np.empty(left.shape, dtype=object)
        for place in np.ndindex(*left.shape):
            result[place] = join(left.item(place), right.item(place))
        return _Symbols(result, self.axes)

    def _cells_of(self, other: "_Symbols | Tensor | float") -> ndarray:
        if isinstance(other, _Symbols):
            if other.axes != self.axes:
                raise NotTraced
            return other.cells
        if isinstance(other, Tensor) and other.ndim:
            return self._of_points(other)
        cell = np.empty((1,) * self.cells.ndim, dtype=object)
        cell[(0,) * self.cells.ndim] = {(): float(other)}
        return cell

    def _of_points(self, table: Tensor) -> ndarray:
        """A function of the points (1, n, ...), as constants of polynomials."""
        if table.ndim != self.cells.ndim or table.shape[0] != 1:
            raise NotTraced
        columns = table.movedim(self.axes.index("n"), -1)
        cells = np.empty(columns.shape[:-1], dtype=object)
        for place in np.ndindex(*cells.shape):
            cells[place] = {(): columns[place]}
        return np.expand_dims(cells, self.axes.index("n"))


def _stacked(parts: Sequence[_Symbols], dim: int = 0) -> _Symbols:
    axes = list(parts[0].axes)
    if any(part.axes != parts[0].axes for part in parts):
        raise NotTraced
    dim %= len(axes) + 1
    axes.insert(dim, "stacked")
    return _Symbols(np.stack([part.cells for part in parts], axis=dim), tuple(axes))


def _sum(left: Polynomial, right: Polynomial) -> Polynomial:
    total = dict(left)
    for entries, coefficient in right.items():
        total[entries] = total[entries] + coefficient if entries in total else coefficient
    return total


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for own, factor in left.items():
        for other, by in right.items():
            total = _sum(total, {tuple(sorted((*own, *other))): factor * by})
    return total
