"""How a broken promise is said."""

from collections.abc import Iterator
from contextlib import contextmanager

from pinn_core.messages import last_line
from pinn_core.parts import Part


class ContractBroken(AssertionError):
    """A part does not do what its family promises; the message says what."""


class NothingFits(ValueError):
    """A part goes together with none of the problems that it was to be tried on."""


def demand(kept: bool, otherwise: str) -> None:
    """Raise ``ContractBroken`` unless a promise is kept."""
    if not kept:
        raise ContractBroken(otherwise)


@contextmanager
def said_of(part: Part) -> Iterator[None]:
    """Whatever else is raised while a part is tried becomes ``ContractBroken``, naming the part."""
    try:
        yield
    except (ContractBroken, NothingFits):
        raise
    except Exception as error:
        place = last_line(error, {type(part).__module__}) or last_line(error)
        raise ContractBroken(f"{part.kind}: {place}: {type(error).__name__}: {error}") from error
