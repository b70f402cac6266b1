"""Straight and circular pieces of a boundary in closed form, and where they cross.

A piece runs with the inside at its left, so that its outward normal points to the right.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import cos, hypot, pi, sin, sqrt

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """The straight piece from ``start`` to ``end``."""

    start: Point
    end: Point

    @cached_property
    def length(self) -> float:
        """Distance of the ends."""
        return hypot(self.end[0] - self.start[0], self.end[1] - self.start[1])

    @property
    def bounds(self) -> tuple[Point, ...]:
        """Points among which are those with the least and greatest coordinates."""
        return self.start, self.end

    def at(self, share: Float[ndarray, "*n"]) -> Float[ndarray, "*n 2"]:
        """The points at these shares of the length."""
        start, end = np.asarray(self.start), np.asarray(self.end)
        share = share[..., None]
        points: ndarray = start * (1 - share) + end * share  # both ends exactly
        return points

    def normals(self, share: Float[ndarray, "*n"]) -> Float[ndarray, "*n 2"]:
        """Unit vectors to the right."""
        x, y = np.subtract(self.end, self.start) / self.length
        return np.broadcast_to(np.array([y, -x]), (*share.shape, 2))

    def nearest(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Share of the length at which the piece is nearest to each point."""
        along = np.subtract(self.end, self.start) / self.length**2
        share: ndarray = np.clip((points - np.asarray(self.start)) @ along, 0.0, 1.0)
        return share

    def cut(self, first: float, last: float) -> "Line":
        """The piece between two shares of the length."""
        (start, end) = self.at(np.array([first, last])).tolist()
        return Line(tuple(start), tuple(end))

    @property
    def reversed(self) -> "Line":
        """The same from end to start."""
        return Line(self.end, self.start)

    @property
    def monotone(self) -> tuple["Line", ...]:
        """Pieces along which x rises or falls."""
        return (self,)


@dataclass(frozen=True)
class Arc:
    """A piece of a circle: from the angle ``first`` on by the angle ``turn``, both in radians.

    ``turn`` > 0 has the disc inside, ``turn`` < 0 outside.
    """

    centre: Point
    radius: float
    first: float = 0.0
    turn: float = 2 * pi

    @property
    def length(self) -> float:
        """Length of the arc."""
        return self.radius * abs(self.turn)

    @property
    def start(self) -> Point:
        """Its first point."""
        return self._point(self.first)

    @property
    def end(self) -> Point:
        """Its last point."""
        return self._point(self.first + self.turn)

    @property
    def bounds(self) -> tuple[Point, ...]:
        """Points among which are those with the least and greatest coordinates."""
        return (self.start, self.end, *map(self._point, self._passed(pi / 2)))

    def at(self, share: Float[ndarray, "*n"]) -> Float[ndarray, "*n 2"]:
        """The points at these shares of the length."""
        angle = self.first + share * self.turn
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        points: ndarray = np.asarray(self.centre) + self.radius * direction
        return points

    def normals(self, share: Float[ndarray, "*n"]) -> Float[ndarray, "*n 2"]:
        """Unit vectors to the right: away from the centre, or to it where the disc is outside."""
        angle = self.first + share * self.turn
        direction: ndarray = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        return direction if self.turn > 0 else -direction

    def nearest(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Share of the length at which the piece is nearest to each point."""
        x, y = (points - np.asarray(self.centre)).T
        turned = np.mod((np.arctan2(y, x) - self.first) * np.sign(self.turn), 2 * pi)
        size = abs(self.turn)
        nearer_end = turned < (size + 2 * pi) / 2
        share: ndarray = np.where(turned > size, nearer_end, turned / size)
        return share

    def cut(self, first: float, last: float) -> "Arc":
        """The piece between two shares of the length."""
        return replace(self, first=self.first + first * self.turn, turn=(last - first) * self.turn)

    @property
    def reversed(self) -> "Arc":
        """The same from end to start."""
        return replace(self, first=self.first + self.turn, turn=-self.turn)

    @property
    def monotone(self) -> tuple["Arc", ...]:
        """Pieces along which x rises or falls."""
        angles = [self.first, *self._passed(pi), self.first + self.turn]
        return tuple(replace(self, first=a, turn=b - a) for a, b in pairwise(angles) if a != b)

    def _point(self, angle: float) -> Point:
        x, y = self.centre
        return x + self.radius * cos(angle), y + self.radius * sin(angle)

    def _passed(self, step: float) -> list[float]:
        """The multiples of an angle that lie inside the arc, in its direction."""
        low, high = sorted((self.first, self.first + self.turn))
        multiples = [step * k for k in range(int(low // step), int(high // step) + 2)]
        inside = [angle for angle in multiples if low < angle < high]
        return inside if self.turn > 0 else inside[::-1]


Curve = Line | Arc


def crossings(curve: Curve, other: Curve, tolerance: float) -> list[float]:
    """Shares of ``curve`` at which the other meets it, ends of the other on it among them."""
    points = np.array([*_meet(curve, other), other.start, other.end])
    on_both = (distance(curve, points) <= tolerance) & (distance(other, points) <= tolerance)
    shares: list[float] = curve.nearest(points[on_both]).tolist()
    return shares


def distance(curve: Curve, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
    """How far points are from a curve."""
    away = points - curve.at(curve.nearest(points))
    return np.asarray(np.hypot(away[:, 0], away[:, 1]))


def _meet(one: Curve, other: Curve) -> list[Point]:
    """Where the line or circle of one meets that of the other, if they are not the same."""
    if isinstance(one, Line) and isinstance(other, Line):
        return _lines(one, other)
    if isinstance(one, Arc) and isinstance(other, Arc):
        return _circles(one, other)
    line, arc = (one, other) if isinstance(one, Line) else (other, one)
    assert isinstance(line, Line) and isinstance(arc, Arc)
    return _along(line.start, np.subtract(line.end, line.start) / line.length, arc)


def _lines(one: Line, other: Line) -> list[Point]:
    (ux, uy), (vx, vy) = (np.subtract(each.end, each.start) for each in (one, other))
    area = ux * vy - uy * vx
    if abs(area) <= 1e-14 * one.length * other.length:
        return []
    wx, wy = np.subtract(other.start, one.start)
    share = (wx * vy - wy * vx) / area
    return [(one.start[0] + share * ux, one.start[1] + share * uy)]


def _circles(one: Arc, other: Arc) -> list[Point]:
    between = np.subtract(other.centre, one.centre)
    apart = hypot(*between)
    if apart <= 1e-14 * max(one.radius, other.radius):
        return []
    share = (apart**2 + one.radius**2 - other.radius**2) / (2 * apart**2)
    foot = np.asarray(one.centre) + share * between  # on the line through both crossings
    along = np.array([-between[1], between[0]]) / apart
    return _along((float(foot[0]), float(foot[1])), along, one)


def _along(through: Point, direction: ndarray, arc: Arc) -> list[Point]:
    """Where the line through a point, in the direction of a unit vector, meets a circle."""
    start = np.subtract(through, arc.centre)
    half = float(start @ direction)
    under = half**2 - float(start @ start) + arc.radius**2
    if under < 0:
        return []
    roots = (-half - sqrt(under), -half + sqrt(under))
    return [(through[0] + root * direction[0], through[1] + root * direction[1]) for root in roots]
