"""Range checks of configuration fields: one sentence that names field, bound and what was found."""


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
