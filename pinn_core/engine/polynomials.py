"""Functions of a network's outputs that native steps know: sums of products of their entries."""

from dataclasses import dataclass

Entry = tuple[int, int, int]
"""Channel (0 is the value), output, and at which of the places where the network is evaluated for
every point: 0, or 1 for a point's partner."""


@dataclass(frozen=True)
class Product:
    """``constant``, times a coefficient of the point (a column of them) or None, times entries."""

    constant: float
    column: int | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Polynomials:
    """Quantities, each the sum of at least one product, and how many coefficients a point has."""

    quantities: tuple[tuple[Product, ...], ...]
    columns: int = 0
    partners: int = 1
