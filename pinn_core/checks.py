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


def all_or_at_most(limit: int, **fields: int | str) -> None:
    """Raise ``ValueError`` unless every field is the word ``"all"`` or a number in 1..limit."""
    for name, value in fields.items():
        if value != "all" and not (isinstance(value, int) and 1 <= value <= limit):
            raise ValueError(f"{name} must be 'all' or 1 to {limit}, found {value}")


def within(low: float, high: float, **fields: float) -> None:
    """Raise ``ValueError`` unless every field lies in [low, high]."""
    for name, value in fields.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must lie in [{low}, {high}], found {value}")
