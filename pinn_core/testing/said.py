"""How a broken promise is said."""


class ContractBroken(AssertionError):
    """A part does not do what its family promises; the message says what."""


def demand(kept: bool, otherwise: str) -> None:
    """Raise ``ContractBroken`` unless a promise is kept."""
    if not kept:
        raise ContractBroken(otherwise)
