"""Range checks of configuration fields: one sentence that names field, bound and what was found."""

from typing import Literal


def at_least(low: float, **fields: float) -> None:
    """Raise ``ValueError`` unless every field is finite and >= ``low``."""
    for name, value in fields.items():
        if not low <= value < float("inf"):
            raise ValueError(f"{name} must be >= {low}, found {value}")


def above(low: float, **fields: float) -> None:
    """Raise ``ValueError`` unless every field is finite and > ``low``."""
    for name, value in fields.items():
        if not low < value < float("inf"):
            raise ValueError(f"{name} must be > {low}, found {value}")


def below(high: float, **fields: float) -> None:
    """Raise ``ValueError`` unless every field is < ``high``."""
    for name, value in fields.items():
        if not value < high:
            raise ValueError(f"{name} must be < {high}, found {value}")


def at_most(high: float, **fields: float) -> None:
    """Raise ``ValueError`` unless every field is <= ``high``."""
    for name, value in fields.items():
        if not value <= high:
            raise ValueError(f"{name} must be <= {high}, found {value}")


def finite(**fields: float) -> None:
    """Raise ``ValueError`` unless every field is a finite number."""
    for name, value in fields.items():
        if not float("-inf") < value < float("inf"):
            raise ValueError(f"{name} must be finite, found {value}")


def all_or_up_to(high: int, **fields: int | Literal["all"]) -> None:
    """Raise ``ValueError`` unless every field is ``"all"`` or from 1 to ``high``."""
    for name, value in fields.items():
        if value != "all" and not 1 <= value <= high:
            raise ValueError(f"{name} must be 'all' or 1 to {high}, found {value}")


def within(low: float, high: float, **fields: float) -> None:
    """Raise ``ValueError`` unless every field lies in [low, high]."""
    for name, value in fields.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must lie in [{low}, {high}], found {value}")
