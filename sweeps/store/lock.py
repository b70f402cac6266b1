"""One driver per study: a lock that the kernel releases when its holder ends, in any way.

On an object store, where there is no kernel, it is a lease that the driver renews.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sweeps.errors import StudyError, excerpt
from sweeps.store.address import is_address, reason
from sweeps.store.bucket import Bucket, bucket_at
from sweeps.store.leases import LIFE, Lease, Taken, holders, renewed
from sweeps.store.writing import writing

DRIVERS = "drivers"
"""Folder of the leases of a study's drivers."""


def study_lock(home: str | Path) -> AbstractContextManager[None]:
    """Be a study's only driver while the block runs; creates the folder.

    Raises ``StudyError`` naming host, process and start of the driver that is there already, or
    where the folder cannot be made.
    """
    if is_address(str(home)):
        return _lease(bucket_at(str(home)), str(home))
    return _flock(Path(home))


def lock_holder(home: str | Path) -> str:
    """The driver that works on a study: host, process and start; empty if there is none."""
    if is_address(str(home)):
        found = holders(bucket_at(str(home)), DRIVERS)
        return "; ".join(f"{holder.process} since {holder.since}" for holder in found)
    file = Path(home) / "lock"
    if not file.is_file():
        return ""
    with file.open(errors="replace") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read().strip()
    return ""


@contextmanager
def _flock(directory: Path) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "lock").open("a+", errors="replace")
    except OSError as error:
        raise StudyError(
            f"{excerpt(directory)} cannot be written: {error.strerror or error}"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another driver"
            raise StudyError(
                f"study {directory.name!r} is locked by {holder} ({file.name})", topic="locked"
            ) from None
        with writing(file.name):
            _write(file.fileno(), f"{socket.gethostname()}:{os.getpid()} since {_now()}\n")
        try:
            yield
        finally:
            os.truncate(file.fileno(), 0)


@contextmanager
def _lease(bucket: Bucket, home: str) -> Iterator[None]:
    lease = Lease(bucket, DRIVERS, "driver")
    try:
        lease.take()
    except Taken as taken:
        raise StudyError(
            f"{bucket.where('')} is locked by {taken}, whose last sign of life is "
            f"{taken.idle:.0f} s old; should it be dead, the lock ends {LIFE:.0f} s after that",
            topic="locked",
        ) from None
    except OSError as error:
        raise StudyError(f"store {home} cannot be written: {reason(error)}") from None
    with renewed(lease) as lost:
        try:
            yield
        finally:
            if lost.is_set():
                raise StudyError(f"lost the lock of {bucket.where('')}: this process was away")


def _write(descriptor: int, holder: str) -> None:
    os.truncate(descriptor, 0)
    os.write(descriptor, holder.encode())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
