"""Conditions that a network keeps by its form: u = lift + factor * network."""

from collections.abc import Callable
from dataclasses import dataclass

from pinn_core.engine.taylor import Taylor

Form = Callable[..., Taylor]
"""A function of the coordinates, one argument each, made of Taylor's arithmetic."""


@dataclass(frozen=True)
class Hard:
    """The form, and the names of the conditions that it keeps whatever the network is.

    ``lift`` and ``factor`` hold for all outputs; no lift is a lift of zero.
    """

    conditions: tuple[str, ...]
    factor: Form
    lift: Form | None = None
