"""One process at a time on an object store, which has no locks: each process puts a lease there.

A lease is an object of its own. Its owner puts it, then lists the other leases on the same subject,
and is alone if there are none. A listing shows every put that returned before it (S3 promises this
since 2020), so two processes can never both believe that they are alone. A process that sees other
leases takes its own back if one of them goes first by name; otherwise it looks again a few times.
Of several processes that ask at once, one is alone in the end; a process that was alone before
stays alone. A lease stops counting when its process is seen to be dead, which only the same machine
can see, or when it was not renewed for ``LIFE`` seconds by the store's own clock.

A conditional put would do in one request, but pyarrow has none (apache/arrow issue 44281). The
limit of this: a process that was suspended for longer than ``LIFE`` goes on beside its successor
until it renews its lease, or comes to its next write, which looks at the lease first. A write that
was on its way already is not called back.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Protocol

from sweeps.process.interrupts import interrupt_main_thread

LIFE = 120.0
"""Seconds after which a lease that was not renewed stops counting."""

BEAT = 20.0
"""Seconds between two renewals."""

LOOKS, PAUSE = 10, 0.3
"""How often a lease looks for others that go after it, and the seconds between two looks."""


class LeaseStore(Protocol):
    """What leases need of an object store."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file, over one of that name."""

    def read(self, name: str) -> bytes:
        """The content of a file; raises ``FileNotFoundError``."""

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""

    def discard(self, name: str) -> None:
        """The same in one try."""

    def stamps(self, folder: str) -> dict[str, float]:
        """When each file of a folder was last written, in seconds by the store's clock."""


@dataclass(frozen=True)
class Holder:
    """A process that holds a lease."""

    process: str
    """``host:pid``"""
    since: str
    machine: str
    """The boot and the process namespace in which ``pid`` means something; empty: not known."""
    pid: int

    @property
    def is_dead(self) -> bool:
        """Whether it is known not to run any more."""
        if not self.machine or self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False


class Taken(Exception):
    """Another process has a lease. ``idle``: seconds since it was last renewed."""

    def __init__(self, holder: Holder, idle: float) -> None:
        super().__init__(f"{holder.process} since {holder.since}")
        self.holder, self.idle = holder, idle


class Lost(Exception):
    """Other processes took the owner of a lease for dead, and may have done its work."""


class Lease:
    """The lease of this process to a subject; ``folder`` holds the leases to all subjects."""

    def __init__(self, store: LeaseStore, folder: str, subject: str) -> None:
        self._store, self._folder, self._subject = store, folder, subject
        self._own = f"{subject}.{uuid.uuid4().hex}"
        self._note = json.dumps(asdict(_this_process())).encode()
        self._shown = 0.0

    def take(self) -> None:
        """Be alone; raises ``Taken``, or ``OSError`` if the store cannot be written."""
        self._put()
        looks = 1
        try:
            while taken := self._look():
                if looks == LOOKS:
                    raise taken
                looks += 1
                time.sleep(PAUSE)
        except BaseException:
            self.release()
            raise

    def _look(self) -> Taken | None:
        """Another lease that counts, None if there is none; raises it if it goes first."""
        stamps = self._store.stamps(self._folder)
        now = stamps.get(self._own, 0.0)
        for name in sorted(stamps.keys() - {self._own}):
            if name.startswith(f"{self._subject}."):
                taken = self._counts(name, now - stamps[name])
                if taken and name < self._own:
                    raise taken
                if taken:
                    return taken
        return None

    def renew(self) -> bool:
        """Show that the owner lives; False if others took it for dead."""
        if not self._store.exists(self._path(self._own)):
            return False
        self._put()
        return True

    def keep(self) -> None:
        """Renew the lease if it is getting old; raises ``Lost``. Call it before each write."""
        if _now() - self._shown > BEAT and not self.renew():
            raise Lost(self._own)

    def release(self) -> None:
        """Give the lease up; it expires by itself if the store does not answer."""
        with suppress(OSError):
            self._store.discard(self._path(self._own))

    def _counts(self, other: str, idle: float) -> Taken | None:
        """Another lease, None if it is gone; one that does not count any more is removed."""
        holder = _holder(self._store, self._path(other))
        if holder and idle <= LIFE and not holder.is_dead:
            return Taken(holder, max(idle, 0.0))
        if holder:
            self._store.remove(self._path(other))
        return None

    def _put(self) -> None:
        began = _now()
        self._store.put(self._path(self._own), self._note)
        self._shown = began

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"


@contextmanager
def renewed(lease: Lease) -> Iterator[threading.Event]:
    """Renew a lease meanwhile; the event says that it was lost, which interrupts the main thread.

    The lease is released in the end.
    """
    over, lost = threading.Event(), threading.Event()

    def renew() -> None:
        while not over.wait(BEAT):
            with suppress(OSError):  # the store may answer again before the lease ends
                if not lease.renew():
                    lost.set()
                    interrupt_main_thread()
                    return

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        over.set()
        thread.join(BEAT)
        if not lost.is_set():
            lease.release()


def holders(store: LeaseStore, folder: str) -> list[Holder]:
    """The processes with leases in a folder, if this machine's clock and the store's agree."""
    stamps = store.stamps(folder)
    recent = [name for name, stamp in stamps.items() if time.time() - stamp <= LIFE]
    found = [_holder(store, f"{folder}/{name}") for name in recent]
    return [holder for holder in found if holder and not holder.is_dead]


def _holder(store: LeaseStore, name: str) -> Holder | None:
    """The process that put a lease; None if the lease is gone."""
    try:
        return Holder(**json.loads(store.read(name)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return Holder("an unknown process", "an unknown time", "", 0)


def _this_process() -> Holder:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Holder(f"{socket.gethostname()}:{os.getpid()}", now, _machine(), os.getpid())


def _now() -> float:
    """Seconds of a clock that goes on while the process is stopped, or the machine asleep."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@cache
def _machine() -> str:
    """Where process ids are ours: this boot of this machine and, in a container, its namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
