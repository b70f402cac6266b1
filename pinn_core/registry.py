"""Families of interchangeable parts (problems, networks ...), each known by its kind."""

import difflib
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Part = TypeVar("Part")

MOST_SHOWN = 200
"""Characters of what was found that an error message shows."""


class UnknownName(ValueError):
    """A name that its family does not have; the message lists the allowed ones and the closest."""

    def __init__(self, family: str, found: object, allowed: Iterable[str]) -> None:
        names = sorted(allowed)
        close = difflib.get_close_matches(str(found), names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        shown = repr(found if len(str(found)) <= MOST_SHOWN else f"{found!s:.{MOST_SHOWN}} ...")
        super().__init__(f"unknown {family} {shown}: allowed are {', '.join(names)}{hint}")


class Registry(Generic[Part]):
    """The parts of one family by kind.

    >>> shapes: Registry[object] = Registry("shape")
    >>> @shapes.register("circle")
    ... class Circle:
    ...     pass
    >>> shapes["circle"].kind
    'circle'
    >>> shapes["circel"]
    Traceback (most recent call last):
        ...
    pinn_core.registry.UnknownName: unknown shape 'circel': allowed ...; did you mean 'circle'?
    """

    def __init__(self, family: str) -> None:
        self.family = family
        self._parts: dict[str, type[Part]] = {}
        self._numerics: dict[str, int] = {}

    def register(self, kind: str, numerics: int = 1) -> Callable[[type[Part]], type[Part]]:
        """Class decorator: enter the class under ``kind`` and give it a ``kind`` attribute.

        ``numerics`` numbers the part's arithmetic (``pinn_core.numerics``): raise it by one with
        every change that makes a run give other bits.
        """

        def enter(part: type[Part]) -> type[Part]:
            part.kind = kind  # type: ignore[attr-defined]
            self._parts[kind] = part
            self._numerics[kind] = numerics
            return part

        return enter

    def __getitem__(self, kind: str) -> type[Part]:
        """The class of that kind; raises ``UnknownName``."""
        if kind not in self._parts:
            raise UnknownName(self.family, kind, self._parts)
        return self._parts[kind]

    def numerics(self, kind: str) -> int:
        """The number of that kind's arithmetic."""
        return self._numerics[kind]

    def names(self) -> tuple[str, ...]:
        """All kinds, sorted."""
        return tuple(sorted(self._parts))
