"""What a shape is: a piece of the plane with a boundary of straight and circular parts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pinn_core.geometry.boundary_part import BoundaryPart
from pinn_core.geometry.box import Box
from pinn_core.geometry.curves import Curve, crossings, distance
from pinn_core.geometry.operations import Operations
from pinn_core.geometry.over import Over
from pinn_core.geometry.region import TOLERANCE, Timeless
from pinn_core.geometry.slices import Slices
from pinn_core.messages import closest

NEAR = 1e-7
"""How far beside a piece of the boundary it is asked on which side the shape is, in parts of the
shape's size: no shape may be thinner."""


class Shape(ABC, Operations, Timeless):
    """A region of the plane, closed; subclasses are frozen dataclasses.

    Its boundary is found once: the pieces of what it is made of, cut where they cross, as far as
    the shape lies on one side of them alone. Raises ``ValueError`` where nothing is left.
    """

    @abstractmethod
    def level(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Negative inside, 0 on the boundary, positive outside; near the boundary its distance."""

    @property
    @abstractmethod
    def outlines(self) -> tuple[tuple[str, Curve], ...]:
        """The boundaries of all that it is made of, each with its name."""

    def __post_init__(self) -> None:
        if not self._boundary or self.measure <= (NEAR * self._size) ** 2:
            raise ValueError(f"empty geometry: nothing is left of {self}")

    @property
    def shape(self) -> "Shape":
        """Itself."""
        return self

    @property
    def low(self) -> tuple[float, float]:
        """The least coordinates of its points."""
        return self.boundary.low

    @property
    def high(self) -> tuple[float, float]:
        """The greatest coordinates of its points."""
        return self.boundary.high

    @property
    def extent(self) -> Float[ndarray, " 2"]:
        """Length along both axes."""
        return self.boundary.extent

    @property
    def measure(self) -> float:
        """The area."""
        return self._slices.area

    @cached_property
    def boundary(self) -> BoundaryPart:
        """All of the boundary."""
        return BoundaryPart(tuple(curve for _, curve in self._boundary))

    @cached_property
    def parts(self) -> Mapping[str, BoundaryPart]:
        """The boundary's parts by name."""
        names = dict.fromkeys(name for name, _ in self._boundary)
        return {
            name: BoundaryPart(tuple(curve for own, curve in self._boundary if own == name))
            for name in names
        }

    def part(self, *names: str) -> BoundaryPart:
        """The parts of the boundary with these names, together.

        Raises ``ValueError`` for a name that there is not, or no longer.
        """
        for name in names:
            if name not in self.parts:
                self._refuse(name)
        return BoundaryPart(tuple(curve for name in names for curve in self.parts[name].curves))

    def over(self, start: float, end: float) -> Over:
        """The shape over a time, which is the last coordinate."""
        if not start < end:
            raise ValueError(f"a time must end after its start, found {start} to {end}")
        return Over(self, start, end)

    def holds(self, points: Float[ndarray, "n 2"], slack: float = 0.0) -> Bool[ndarray, " n"]:
        """Which points lie in the shape or on its boundary, up to rounding and ``slack``."""
        return np.asarray(self.level(points) <= (TOLERANCE + slack) * self._size)

    def at(self, unit: Float[ndarray, "*n 2"]) -> Float[ndarray, "*n 2"]:
        """Points of the unit square as points of the shape."""
        return np.asarray(self._slices.at(unit.reshape(-1, 2)).reshape(unit.shape))

    def spaced(self, spacing: Sequence[float]) -> Float[ndarray, "n 2"]:
        """Points of its bounding box's grid that lie inside or on the boundary."""
        points = Box(self.low, self.high).spaced(spacing)
        return np.asarray(points[self.holds(points)])

    def __getstate__(self) -> dict[str, Any]:
        """Its fields alone: what was found out about it is found again."""
        return {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]

    def _refuse(self, name: str) -> NoReturn:
        allowed = f"allowed: {', '.join(self.parts)}{closest(name, self.parts)}"
        if any(name == own for own, _ in self.outlines):
            raise ValueError(f"part {name!r} vanished: nothing of it bounds {self}, {allowed}")
        raise ValueError(f"the boundary has no part {name!r}, {allowed}")

    @cached_property
    def _size(self) -> float:
        """The greater side of the box around all that it is made of."""
        corners = np.array([point for _, curve in self.outlines for point in curve.bounds])
        return float(np.ptp(corners, axis=0).max())

    @cached_property
    def _slices(self) -> Slices:
        return Slices([curve for _, curve in self._boundary], TOLERANCE * self._size)

    @cached_property
    def _boundary(self) -> tuple[tuple[str, Curve], ...]:
        """The named pieces that bound the shape, with the shape at their left."""
        tolerance = TOLERANCE * self._size
        found: list[tuple[str, Curve]] = []
        for place, (name, curve) in enumerate(self.outlines):
            others = [other for at, (_, other) in enumerate(self.outlines) if at != place]
            met = [share for other in others for share in crossings(curve, other, tolerance)]
            shares = _apart(sorted([0.0, *met, 1.0]), tolerance / curve.length)
            for first, last in pairwise(shares):
                piece = self._turned(curve.cut(first, last))
                if piece is None:
                    continue
                middle = piece.at(np.array([0.5]))
                if all(distance(known, middle)[0] > tolerance for _, known in found):
                    found.append((name, piece))
        return tuple(found)

    def _turned(self, piece: Curve) -> Curve | None:
        """The piece with the shape at its left, None if it has the same at both sides."""
        step = min(NEAR * self._size, 1e-3 * piece.length)
        half = np.array([0.5])
        beside = piece.at(half) + step * np.array([[1.0], [-1.0]]) * piece.normals(half)
        right, left = self.level(beside) > 0  # whether that is outside
        if right == left:
            return None
        return piece if right else piece.reversed


def _apart(shares: list[float], least: float) -> list[float]:
    """Ascending shares without those that are next to the one before, or to the last."""
    kept = [0.0]
    for share in shares:
        if share - kept[-1] > least and 1.0 - share > least:
            kept.append(share)
    return [*kept, 1.0]
