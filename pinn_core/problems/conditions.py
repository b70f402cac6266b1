"""Where a problem demands something, what, and of which derivative: its boundary conditions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pinn_core.engine.operators import Operator
from pinn_core.geometry import BoundaryPart, Box, Over, Region

__all__ = [
    "IDENTITY",
    "TAKEN",
    "Box",
    "Combination",
    "Condition",
    "Conditions",
    "Segment",
    "neumann",
    "nothing",
    "robin",
]

Target = Callable[[ndarray], ndarray]
IDENTITY = Operator(zeroth=1.0)
Entry = tuple[Operator, int]
"""An operator applied to one output of the network."""
TAKEN = {
    *("residual", "regression", "total", "batch", "interior", "grid"),
    *("error", "away", "update", "turn"),
}
"""Names of columns and point sets that every run has: no condition or data can have them."""


def nothing(points: Float[ndarray, "n d"]) -> Float[ndarray, "n 1"]:
    """The target zero, which stands for as many zeros as a condition has quantities."""
    return np.zeros((len(points), 1))


@dataclass(frozen=True)
class Segment:
    """Regions over which one mean is taken, and the values demanded there (n, q).

    ``coefficients`` (n, e) of points (n, d) are those of the condition's entries, where its
    quantities are combinations of them.
    """

    regions: tuple[Region, ...]
    target: Target = nothing
    coefficients: Target | None = None

    def holds(self, points: Float[ndarray, "n d"]) -> Bool[ndarray, " n"]:
        """Which points lie on the segment."""
        held = np.stack([region.holds(points) for region in self.regions])
        return np.asarray(held.any(axis=0))

    def at(self, unit: Float[ndarray, "n d"], which: Float[ndarray, " n"]) -> ndarray:
        """Points (n, d) of the segment, uniform if ``unit`` and ``which`` are in [0, 1)."""
        shares = np.cumsum([region.measure for region in self.regions])
        chosen = np.searchsorted(shares / shares[-1], which, side="right")
        table = np.stack([region.at(unit) for region in self.regions])
        points: ndarray = table[chosen, np.arange(len(unit))]
        return points


@dataclass(frozen=True)
class Combination:
    """A quantity that is the sum of entries, each times a coefficient of the point."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Condition:
    """A loss term: the sum over segments of the mean of squared mismatches, summed over quantities.

    A quantity is an operator applied to one output of the network, or a combination of such, of
    which every segment knows the coefficients. With a ``shift`` the condition is periodic: what is
    demanded is the difference between a point and the point shifted. With ``per_member`` the
    training may set targets of their own for every member.
    """

    segments: tuple[Segment, ...]
    quantities: tuple[Entry | Combination, ...] = ((IDENTITY, 0),)
    shift: tuple[float, ...] | None = None
    per_member: bool = False

    def __post_init__(self) -> None:
        if any((one.coefficients is None) == self.combined for one in self.segments):
            raise ValueError(
                "a condition's segments must have coefficients where its quantities are "
                "combinations, and only there"
            )
        if self.combined and self.shift is not None:
            raise ValueError("a periodic condition's quantities cannot be combinations")

    @property
    def combined(self) -> bool:
        """Whether a quantity is a combination; all entries then have coefficients."""
        return any(isinstance(one, Combination) for one in self.quantities)

    @cached_property
    def sums(self) -> tuple[tuple[Entry, ...], ...]:
        """The entries of every quantity."""
        return tuple(
            one.entries if isinstance(one, Combination) else (one,) for one in self.quantities
        )

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The operators that are needed besides the value, each once."""
        return tuple(dict.fromkeys(op for one in self.sums for op, _ in one if op != IDENTITY))

    @cached_property
    def places(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Channel (0 is the value) and output of every quantity's entries."""
        channel = {op: place for place, op in enumerate((IDENTITY, *self.operators))}
        return tuple(tuple((channel[op], output) for op, output in one) for one in self.sums)

    def demanded(self, segment: Segment, points: Float[ndarray, "n d"]) -> Float[ndarray, "n q"]:
        """What a segment demands of the quantities at its points.

        Raises ``ValueError`` where its target is not of this shape.
        """
        if segment.target is nothing:
            return np.zeros((len(points), len(self.quantities)))
        return _shaped("a target", segment.target, points, len(self.quantities), "quantities")

    def coefficients_at(
        self, segment: Segment, points: Float[ndarray, "n d"]
    ) -> Float[ndarray, "n e"]:
        """The coefficients of all entries of combinations at a segment's points.

        Raises ``ValueError`` where they are not of this shape.
        """
        assert segment.coefficients is not None
        entries = sum(map(len, self.sums))
        return _shaped("a coefficient", segment.coefficients, points, entries, "entries")

    @property
    def plain(self) -> bool:
        """Whether values alone are demanded, the same of all members."""
        derived = bool(self.operators) or self.combined
        return not derived and self.shift is None and not self.per_member


def _shaped(
    what: str, function: Target, points: Float[ndarray, "n d"], columns: int, of: str
) -> Float[ndarray, "n _"]:
    """A function at points; raises ``ValueError`` unless it has so many columns."""
    found, wanted = np.asarray(function(points)), (len(points), columns)
    if found.shape != wanted:
        raise ValueError(
            f"{what} is {found.shape} at {len(points)} points, allowed: {wanted}, a column for "
            f"each of the condition's {of}"
        )
    return found


Conditions = Mapping[str, Condition]


def neumann(
    parts: Region | Sequence[Region], target: Target = nothing, output: int = 0
) -> Condition:
    """The derivative along the outward normal is ``target`` (n, 1) of the points (n, d).

    ``parts`` are parts of a shape's boundary, with or without time; of several each has a mean of
    its own. Raises ``ValueError`` for a region without normals.

    >>> from pinn_core.geometry import Disc
    >>> ring = Disc((0.0, 0.0), 2.0, "outer") - Disc((0.0, 0.0), 1.0, "inner")
    >>> len(neumann(ring.part("inner")).operators)
    2
    """
    return _along_normals(parts, None, target, output)


def robin(
    parts: Region | Sequence[Region],
    alpha: float | Target,
    target: Target = nothing,
    output: int = 0,
) -> Condition:
    """The derivative along the outward normal plus ``alpha`` times the value is ``target`` (n, 1).

    ``alpha`` is a number, or a function of points (n, d) that gives (n, 1).
    """
    return _along_normals(parts, alpha, target, output)


def _along_normals(
    parts: Region | Sequence[Region], alpha: float | Target | None, target: Target, output: int
) -> Condition:
    several = [parts] if isinstance(parts, Region) else parts
    slopes = tuple((Operator(first={axis: 1.0}), output) for axis in (0, 1))
    entries = slopes if alpha is None else (*slopes, (IDENTITY, output))
    segments = tuple(
        Segment((part,), target, partial(_coefficients, _with_normals(part), alpha))
        for part in several
    )
    return Condition(segments, (Combination(entries),))


def _with_normals(part: Region) -> BoundaryPart | Over:
    base = part.base if isinstance(part, Over) else part
    if not isinstance(base, BoundaryPart):
        raise ValueError(
            f"a condition on the normal needs a part of a shape's boundary, found {part}; of a "
            f"rectangle it is rectangle.shape.part(..)"
        )
    assert isinstance(part, BoundaryPart | Over)
    return part


def _coefficients(
    part: BoundaryPart | Over, alpha: float | Target | None, points: Float[ndarray, "n d"]
) -> Float[ndarray, "n e"]:
    """The normals and, if there is one, alpha."""
    normals = part.normals(points)
    if alpha is None:
        return normals
    values = alpha(points) if callable(alpha) else np.full((len(points), 1), alpha)
    return np.concatenate([normals, values], axis=1)
