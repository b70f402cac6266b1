"""Linear differential operators of order three at most, with constant coefficients.

    >>> D = Derivatives("x", "y", "t")
    >>> heat = D.xx + D.yy - D.t
    >>> heat.second
    {(0, 0): 1.0, (1, 1): 1.0}
    >>> heat.first
    {2: -1.0}

An operator of order two, L = sum A_ij d_i d_j + sum b_i d_i + c, travels forward through a network
as one channel beside the value: for an activation s, with L' = L - c,

    L'[s(z)] = s'(z) L'[z] + s''(z) (grad z)^T A (grad z),

and c u is added at the output (forward Laplacian, Li et al. 2023; DOF, Li et al. 2024). For a part
T = sum T_ijk d_i d_j d_k of order three the second derivatives travel, too:

    T[s(z)] = s' T[z] + s'' sum T_ijk (z_i z_jk + z_j z_ik + z_k z_ij) + s''' sum T_ijk z_i z_j z_k.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

COMPOSED = (
    "an equation of order four or more is written as a system, with derivatives of u as further "
    "outputs (u_xxxx = 0 as m - u_xx = 0 and m_xx = 0)"
)


@dataclass(frozen=True)
class Operator:
    """sum T_ijk d_i d_j d_k + sum A_ij d_i d_j + sum b_i d_i + c.

    ``second`` maps (i, j) with i <= j to its coefficient, ``third`` (i, j, k) with i <= j <= k.
    """

    second: Mapping[tuple[int, int], float] = field(default_factory=dict)
    first: Mapping[int, float] = field(default_factory=dict)
    zeroth: float = 0.0
    third: Mapping[tuple[int, int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        firsts = {(axis,): value for axis, value in self.first.items()}
        for order, table in ((3, self.third), (2, self.second), (1, firsts)):
            for axes in table:
                if len(axes) != order or list(axes) != sorted(axes):
                    raise ValueError(
                        f"found the axes {axes} of a derivative of order {order}, allowed: "
                        f"{order} of them, rising; orders above three are not known: {COMPOSED}"
                    )

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        tables = (self.third, self.second, self.first)
        return hash((*(frozenset(table.items()) for table in tables), self.zeroth))

    def __add__(self, other: "Operator") -> "Operator":
        return Operator(
            _sum(self.second, other.second),
            _sum(self.first, other.first),
            self.zeroth + other.zeroth,
            _sum(self.third, other.third),
        )

    def __rmul__(self, factor: float) -> "Operator":
        return Operator(
            {axes: factor * value for axes, value in self.second.items()},
            {axis: factor * value for axis, value in self.first.items()},
            factor * self.zeroth,
            {axes: factor * value for axes, value in self.third.items()},
        )

    def __truediv__(self, divisor: float) -> "Operator":
        return (1.0 / divisor) * self

    def __neg__(self) -> "Operator":
        return -1.0 * self

    def __sub__(self, other: "Operator") -> "Operator":
        return self + (-other)


Key = TypeVar("Key")


def _sum(left: Mapping[Key, float], right: Mapping[Key, float]) -> dict[Key, float]:
    return {key: left.get(key, 0.0) + right.get(key, 0.0) for key in {**left, **right}}


class Derivatives:
    """Names for derivatives: ``Derivatives("x", "t").xx`` is the second derivative along x.

    One to three letters in any order.
    """

    def __init__(self, *coordinates: str) -> None:
        self._axes = {name: axis for axis, name in enumerate(coordinates)}

    @property
    def identity(self) -> Operator:
        """The operator that returns the function itself."""
        return Operator(zeroth=1.0)

    def __getattr__(self, name: str) -> Operator:
        if name.startswith("_") or len(name) > 3 or not set(name) <= set(self._axes):
            known = ", ".join(self._axes)
            if len(name) > 3 and set(name) <= set(self._axes):
                raise AttributeError(f"no derivative {name!r}, of order {len(name)}: {COMPOSED}")
            raise AttributeError(
                f"no derivative {name!r}: one to three of the coordinates {known} are allowed"
            )
        axes = sorted(self._axes[letter] for letter in name)
        if len(axes) == 1:
            return Operator(first={axes[0]: 1.0})
        if len(axes) == 2:
            return Operator(second={(axes[0], axes[1]): 1.0})
        return Operator(third={(axes[0], axes[1], axes[2]): 1.0})


@dataclass(frozen=True)
class Channels:
    """What travels through the layers for a list of operators: value, slopes, operators.

    ``slopes`` are the axes whose first derivatives the higher parts need. A channel tensor has the
    layout (m, channels, n, width), channels in the order value, slopes, operators.
    """

    operators: tuple[Operator, ...]
    dimension: int

    @cached_property
    def slopes(self) -> tuple[int, ...]:
        """Axes whose first derivatives travel."""
        tables = [table for op in self.operators for table in (op.second, op.third)]
        return tuple(sorted({axis for table in tables for axes in table for axis in axes}))

    @property
    def count(self) -> int:
        """Number of channels inside the network."""
        return 1 + len(self.slopes) + len(self.operators)

    def diffusion(self) -> list[list[tuple[int, int, float]]]:
        """Per operator the symmetric second-order coefficients as (slope, slope, A_ij).

        Slopes count from 0 within ``slopes``; a mixed pair appears twice, each with half.
        """
        place = {axis: index for index, axis in enumerate(self.slopes)}
        table = []
        for op in self.operators:
            entries = []
            for (i, j), value in op.second.items():
                if i == j:
                    entries.append((place[i], place[i], value))
                else:
                    entries.append((place[i], place[j], value / 2))
                    entries.append((place[j], place[i], value / 2))
            table.append(entries)
        return table

    def with_pairs(self) -> "Channels":
        """With the second derivatives, as further operators, that those of order three need."""
        triples = [triple for op in self.operators for triple in op.third]
        needed = dict.fromkeys(_second(pair) for triple in triples for pair in _pairs(triple))
        more = (pair for pair in needed if pair not in self.operators)
        return Channels((*self.operators, *more), self.dimension)

    def bends(self) -> list[list[tuple[int, int, float]]]:
        """Per operator the channels (left, right) whose products go with s'', and coefficients.

        (i, j, A_ij) and the three splits (i, jk, T_ijk) of every triple. Raises ``ValueError``
        where a second derivative does not travel (``with_pairs``).
        """
        slope, first = self._slope_rows(), 1 + len(self.slopes)
        table = []
        for op in self.operators:
            entries = {(slope[i], slope[j]): value for (i, j), value in op.second.items()}
            for triple, value in op.third.items():
                for axis, pair in zip(triple, _pairs(triple), strict=True):
                    rows = slope[axis], first + self.operators.index(_second(pair))
                    entries[rows] = entries.get(rows, 0.0) + value
            table.append([(left, right, value) for (left, right), value in entries.items()])
        return table

    def cubes(self) -> list[list[tuple[int, int, int, float]]]:
        """Per operator the channels (i, j, k) whose products go with s''', and T_ijk."""
        slope = self._slope_rows()
        return [
            [(slope[i], slope[j], slope[k], value) for (i, j, k), value in op.third.items()]
            for op in self.operators
        ]

    def _slope_rows(self) -> dict[int, int]:
        return {axis: row for row, axis in enumerate(self.slopes, start=1)}


def _pairs(triple: tuple[int, int, int]) -> list[tuple[int, int]]:
    """What is left of a triple of axes without its first, its second, its third."""
    i, j, k = triple
    return [(j, k), (i, k), (i, j)]


def _second(pair: tuple[int, int]) -> Operator:
    return Operator(second={pair: 1.0})
