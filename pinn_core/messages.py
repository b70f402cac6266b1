"""What error messages show of a value that was found, and the closest of the allowed names."""

import difflib
import traceback
from collections.abc import Collection, Iterable
from pathlib import Path

MOST_SHOWN = 200
"""Characters of what was found that an error message shows."""


def excerpt(found: object) -> str:
    """What was found as text, shortened for an error message.

    >>> excerpt(["a", 1]), len(excerpt("x" * 70_000))
    ("['a', 1]", 204)
    """
    text = str(found)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} ..."


def quoted(found: object) -> str:
    """The same in quotes, as Python would write it.

    >>> quoted("name")
    "'name'"
    """
    return excerpt(repr(found))


def closest(found: object, allowed: Iterable[str]) -> str:
    """The end of an error message: ``; did you mean 'gelu'?``, or nothing if no name is close.

    >>> closest("gelo", ["tanh", "gelu"])
    "; did you mean 'gelu'?"
    """
    names = difflib.get_close_matches(str(found), list(allowed), n=1)
    return f"; did you mean {names[0]!r}?" if names else ""


def last_line(error: BaseException, modules: Collection[str] = ()) -> str | None:
    """File and line where an error passed last, of all modules or of these; None if of none.

    >>> try:
    ...     int("x")
    ... except ValueError as error:
    ...     last_line(error, {"elsewhere"}) is None
    True
    """
    lines = [
        f"{Path(frame.f_code.co_filename).name}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not modules or frame.f_globals.get("__name__") in modules
    ]
    return lines[-1] if lines else None
