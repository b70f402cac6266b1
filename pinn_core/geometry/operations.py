"""Shapes made of shapes: ``a - b``, ``a | b`` and ``a & b`` in the plane."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinn_core.geometry.shape import Shape


class Operations:
    """What rectangles, discs, polygons and all that is made of them have in common."""

    @property
    def shape(self) -> "Shape":
        """Itself, as a shape."""
        raise NotImplementedError

    def __sub__(self, other: "Operations") -> "Shape":
        return difference(self, other)

    def __or__(self, other: "Operations") -> "Shape":
        return union(self, other)

    def __and__(self, other: "Operations") -> "Shape":
        return intersection(self, other)


def difference(first: Operations, second: Operations) -> "Shape":
    """The first without the second: ``first - second``."""
    from pinn_core.geometry.combined import Difference

    return Difference(first.shape, second.shape)


def union(first: Operations, second: Operations) -> "Shape":
    """Both together: ``first | second``."""
    from pinn_core.geometry.combined import Union

    return Union(first.shape, second.shape)


def intersection(first: Operations, second: Operations) -> "Shape":
    """What they have in common: ``first & second``."""
    from pinn_core.geometry.combined import Intersection

    return Intersection(first.shape, second.shape)
