"""Polygons, by the library shapely: https://shapely.readthedocs.io."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.geometry.curves import Curve, Line, Point, distance
from pinn_core.geometry.shape import Shape

if TYPE_CHECKING:
    import shapely


@dataclass(frozen=True)
class Polygon(Shape):
    """A polygon by its corners, in either direction; edge i leads from corner i to the next one.

    ``names`` are those of the edges, which are parts of the boundary: one for all, or one for each.
    Raises ``ValueError`` for what is no polygon, with the reason.

    >>> triangle = Polygon(((0, 0), (1, 0), (0, 1)), ("bottom", "slope", "left"))
    >>> triangle.measure, triangle.part("slope", "left").measure
    (0.5, 2.414213562373095)
    """

    corners: tuple[Point, ...]
    names: str | tuple[str, ...] = "edges"

    def __post_init__(self) -> None:
        corners = tuple((float(x), float(y)) for x, y in self.corners)
        object.__setattr__(self, "corners", corners)
        if len(corners) < 3:
            raise ValueError(f"a polygon needs at least 3 corners, found {len(corners)}")
        if not isinstance(self.names, str):
            object.__setattr__(self, "names", tuple(self.names))
            if len(self.names) != len(corners):
                raise ValueError(
                    f"names of a polygon's edges must be one for all or {len(corners)}, one for "
                    f"each, found {len(self.names)}"
                )
        reason = self._why_invalid()
        if reason:
            raise ValueError(f"the corners {corners} make no polygon: {reason}")
        super().__post_init__()

    def level(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Distance from the edges, negative inside."""
        import shapely

        away = np.min([distance(edge, points) for _, edge in self.outlines], axis=0)
        inside = shapely.contains_xy(self._polygon, *points.T)
        return np.asarray(np.where(inside, -away, away))

    @property
    def outlines(self) -> tuple[tuple[str, Curve], ...]:
        """The edges."""
        count = len(self.corners)
        names = (self.names,) * count if isinstance(self.names, str) else self.names
        ends = (*self.corners[1:], self.corners[0])
        return tuple(
            (name, Line(start, end))
            for name, start, end in zip(names, self.corners, ends, strict=True)
        )

    def _why_invalid(self) -> str:
        import shapely

        if not np.isfinite(self.corners).all():
            return "a coordinate is not finite"
        if len(set(self.corners)) < len(self.corners):
            return "a corner comes twice"
        if shapely.is_valid(self._polygon):
            return ""
        reason, _, place = str(shapely.is_valid_reason(self._polygon)).partition("[")
        return f"{reason} at ({place.rstrip(']')})"

    @cached_property
    def _polygon(self) -> "shapely.Polygon":
        import shapely

        polygon = shapely.Polygon(self.corners)
        shapely.prepare(polygon)
        return polygon
