"""Domains in words."""

from collections.abc import Sequence

from pinn_core.geometry.box import Box
from pinn_core.geometry.region import Region


def in_words(domain: Region, coordinates: Sequence[str]) -> str:
    """Where points of the domain lie, for error messages.

    >>> in_words(Box((0.0, 0.0), (1.0, 2.0)), ("x", "t"))
    '0 <= x <= 1, 0 <= t <= 2'
    """
    ends = zip(coordinates, domain.low, domain.high, strict=True)
    box = ", ".join(f"{low:g} <= {name} <= {high:g}" for name, low, high in ends)
    return box if isinstance(domain, Box) else f"{box}, inside {domain}"
