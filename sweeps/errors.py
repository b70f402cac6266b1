"""What goes wrong because of what a person asked for."""

import difflib
from collections.abc import Iterable


class StudyError(Exception):
    """A study or command that cannot be carried out; nothing was created.

    The message is all that a person needs: file, line or key, what was found, what is allowed and
    the closest name. The command line prints it without a traceback and exits with 2.
    """


class LaterVersion(StudyError):
    """A file that a later version of this program wrote: not damaged, but not to be read here."""


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
