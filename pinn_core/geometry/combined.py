"""What is made of two shapes. Points are judged by minimum and maximum of both shapes' levels."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.geometry.curves import Curve
from pinn_core.geometry.shape import Shape


@dataclass(frozen=True)
class Combined(Shape):
    """Two shapes; where both have the same boundary, it has the name that the first gives it."""

    sign: ClassVar[str]

    first: Shape
    second: Shape

    @abstractmethod
    def level(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Negative inside."""

    @property
    def outlines(self) -> tuple[tuple[str, Curve], ...]:
        """Those of both."""
        return (*self.first.outlines, *self.second.outlines)

    def __repr__(self) -> str:
        return f"({self.first} {self.sign} {self.second})"


@dataclass(frozen=True, repr=False)
class Difference(Combined):
    """The first without the second."""

    sign: ClassVar[str] = "-"

    def level(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Negative inside the first and outside the second."""
        return np.asarray(np.maximum(self.first.level(points), -self.second.level(points)))


@dataclass(frozen=True, repr=False)
class Union(Combined):
    """Both together."""

    sign: ClassVar[str] = "|"

    def level(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Negative inside one of them."""
        return np.asarray(np.minimum(self.first.level(points), self.second.level(points)))


@dataclass(frozen=True, repr=False)
class Intersection(Combined):
    """What both have in common."""

    sign: ClassVar[str] = "&"

    def level(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, " n"]:
        """Negative inside both."""
        return np.asarray(np.maximum(self.first.level(points), self.second.level(points)))
