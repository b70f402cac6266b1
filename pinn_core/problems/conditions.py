"""Where a problem demands something, what, and of which derivative: its boundary conditions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pinn_core.engine.operators import Operator

Target = Callable[[ndarray], ndarray]
IDENTITY = Operator(zeroth=1.0)


@dataclass(frozen=True)
class Box:
    """An axis-parallel box; an axis whose low equals its high is held: a face, an edge, a point.

    >>> Box((0.0, 0.0), (1.0, 2.0)).face(1, 0.0)
    Box(low=(0.0, 0.0), high=(1.0, 0.0))
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def extent(self) -> Float[ndarray, " d"]:
        """Length along every axis."""
        return np.subtract(self.high, self.low)

    @property
    def measure(self) -> float:
        """Length, area or volume of the axes that are not held."""
        extent = self.extent
        return float(np.prod(extent[extent > 0]))

    def face(self, axis: int, value: float) -> "Box":
        """The part of the box with one coordinate held."""
        before, after = slice(axis), slice(axis + 1, None)
        return Box(
            (*self.low[before], value, *self.low[after]),
            (*self.high[before], value, *self.high[after]),
        )

    def holds(self, points: Float[ndarray, "n d"]) -> Bool[ndarray, " n"]:
        """Which points lie in the box."""
        within = (points >= np.asarray(self.low)) & (points <= np.asarray(self.high))
        return np.asarray(within.all(axis=1))

    def at(self, unit: Float[ndarray, "*n d"]) -> Float[ndarray, "*n d"]:
        """Points of the unit cube as points of the box."""
        points: ndarray = np.asarray(self.low) + unit * self.extent
        return points


def nothing(points: Float[ndarray, "n d"]) -> Float[ndarray, "n 1"]:
    """The target zero."""
    return np.zeros((len(points), 1))


@dataclass(frozen=True)
class Segment:
    """Boxes over which one mean is taken, and the values demanded there (n, q)."""

    boxes: tuple[Box, ...]
    target: Target = nothing

    def holds(self, points: Float[ndarray, "n d"]) -> Bool[ndarray, " n"]:
        """Which points lie on the segment."""
        held = np.stack([box.holds(points) for box in self.boxes])
        return np.asarray(held.any(axis=0))

    def at(self, unit: Float[ndarray, "n d"], which: Float[ndarray, " n"]) -> ndarray:
        """Points (n, d) of the segment, uniform if ``unit`` and ``which`` are in [0, 1)."""
        shares = np.cumsum([box.measure for box in self.boxes])
        chosen = np.searchsorted(shares / shares[-1], which, side="right")
        table = np.stack([box.at(unit) for box in self.boxes])
        points: ndarray = table[chosen, np.arange(len(unit))]
        return points


@dataclass(frozen=True)
class Condition:
    """A loss term: the sum over segments of the mean of squared mismatches, summed over quantities.

    A quantity is an operator applied to one output of the network. With a ``shift`` the condition
    is periodic: what is demanded is the difference between a point and the point shifted. With
    ``per_member`` the training may set targets of their own for every member.
    """

    segments: tuple[Segment, ...]
    quantities: tuple[tuple[Operator, int], ...] = ((IDENTITY, 0),)
    shift: tuple[float, ...] | None = None
    per_member: bool = False

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The operators that are needed besides the value, each once."""
        return tuple(dict.fromkeys(op for op, _ in self.quantities if op != IDENTITY))

    @cached_property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Channel (0 is the value) and output of every quantity."""
        channel = {op: place for place, op in enumerate((IDENTITY, *self.operators))}
        return tuple((channel[op], output) for op, output in self.quantities)

    @property
    def plain(self) -> bool:
        """Whether values alone are demanded, the same of all members."""
        return not self.operators and self.shift is None and not self.per_member


Conditions = Mapping[str, Condition]
