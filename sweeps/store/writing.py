"""The one error for all files that the system does not let us write."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REFUSALS = {
    errno.ENOSPC: ("disk full: no room for", "free some space"),
    errno.EDQUOT: ("disk quota exceeded: no room for", "free some space"),
    errno.EROFS: ("read-only file system: cannot write", "make it writable"),
    errno.EACCES: ("permission denied: cannot write", "make it writable for this user"),
}
"""Errors that stay the same on another try: the words for each, and what to do."""


class CannotWrite(OSError):
    """The system does not let us write; the message names the path, the size and what to do."""


class CannotReach(CannotWrite):
    """An object store gives no answer, or refuses us: nothing can be read there either."""


@contextmanager
def writing(path: str | Path, size: int | None = None) -> Iterator[None]:
    """Write to ``path`` meanwhile, ``size`` bytes if that is known; raises ``CannotWrite``."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        refused, advice = REFUSALS[error.errno]
        asked = "" if size is None else f"the {size} bytes of "
        message = f"{refused} {asked}{path}; nothing committed is lost: {advice}"
        raise CannotWrite(message) from error
