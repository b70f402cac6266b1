"""One driver per study: a lock that the kernel releases however its holder ends."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sweeps.errors import StudyError


@contextmanager
def study_lock(directory: Path) -> Iterator[None]:
    """Hold ``directory/lock`` while the block runs; creates the directory.

    Raises ``StudyError`` naming host, process and start of the driver that holds it already.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another driver"
            raise StudyError(
                f"study {directory.name!r} is locked by {holder} ({file.name})"
            ) from None
        _write(file.fileno(), f"{socket.gethostname()}:{os.getpid()} since {_now()}\n")
        try:
            yield
        finally:
            os.truncate(file.fileno(), 0)


def _write(descriptor: int, holder: str) -> None:
    os.truncate(descriptor, 0)
    os.write(descriptor, holder.encode())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
