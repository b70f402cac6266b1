"""Discs."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import above, finite
from pinn_core.geometry.curves import Arc, Curve
from pinn_core.geometry.shape import Shape


@dataclass(frozen=True)
class Disc(Shape):
    """A disc; ``name`` is that of its circle, a part of the boundary.

    >>> ring = Disc((0.0, 0.0), 2.0, "outer") - Disc((0.0, 0.0), 1.0, "inner")
    >>> ring.part("inner").normals(np.array([[0.0, 1.0]])).round(12).tolist()
    [[-0.0, -1.0]]
    """

    centre: tuple[float, float] = (0.0, 0.0)
    radius: float = 1.0
    name: str = "circle"

    def __post_init__(self) -> None:
        x, y = map(float, self.centre)
        object.__setattr__(self, "centre", (x, y))
        finite(**{"centre[0]": x, "centre[1]": y})
        above(0, radius=self.radius)
        super().__post_init__()

    def level(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Distance from the circle, negative inside."""
        away = points - np.asarray(self.centre)
        return np.asarray(np.hypot(away[:, 0], away[:, 1])) - self.radius

    @property
    def outlines(self) -> tuple[tuple[str, Curve], ...]:
        """The circle."""
        return ((self.name, Arc(self.centre, self.radius)),)
