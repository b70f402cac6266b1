"""Where the store's files lie: a local directory, or a folder of any pyarrow filesystem."""

import fcntl
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, TextIO

from sweeps.store.bucket import bucket_at
from sweeps.store.faults import reach
from sweeps.store.writing import CannotWrite, writing

READERS = 16
"""How many files are read at a time where many are asked for."""

PATIENCE = 120.0
"""Seconds that a writer waits for another one, which takes a moment unless it was stopped."""

_BESIDE = re.compile(r"\..+\.[0-9a-f]{32}\.part")
"""A file, or a folder, on its way to its place."""


class BlobStore(Protocol):
    """A folder whose files appear whole or not at all; names may contain ``/``.

    Whatever changes something raises ``CannotWrite`` where the system does not let us.
    """

    def names(self, folder: str = "") -> list[str]:
        """Sorted names of the files directly in ``folder``; none if it does not exist."""

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""

    def where(self, name: str) -> str:
        """The full path of a file, for messages."""

    def read(self, name: str) -> bytes:
        """The content of a file; raises ``FileNotFoundError``."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file in place, over one of that name."""

    def move(self, name: str, target: str) -> None:
        """Rename a file within the place, over one of the new name."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def alone(self, subject: str) -> AbstractContextManager[None]:
        """Lock out other writers of the same subject, or of all subjects, during the block."""

    def remove_leftovers(self, folder: str = "") -> None:
        """Remove unfinished files of dead writers in ``folder``; call it while no other writes."""


def blob_store_at(root: str) -> BlobStore:
    """The place that a path or an address (``s3://bucket/folder``) names."""
    return bucket_at(root) if "://" in root else _Directory(Path(root).absolute())


class _Directory:
    """A local or network directory: files are written beside, synced and renamed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, folder: str = "") -> list[str]:
        directory = self._root / folder
        if not directory.is_dir():
            return []
        return sorted(entry.name for entry in directory.iterdir() if entry.is_file())

    def exists(self, name: str) -> bool:
        return (self._root / name).is_file()

    def where(self, name: str) -> str:
        return str(self._root / name)

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        target = self._root / name
        beside = beside_of(target)
        with writing(target, len(content)):
            try:
                reach("before_write")
                target.parent.mkdir(parents=True, exist_ok=True)
                _write_synced(beside, content)
                reach("after_write", beside)
                beside.replace(target)
                _sync(target.parent)
            finally:
                beside.unlink(missing_ok=True)
            reach("after_rename", target)

    def move(self, name: str, target: str) -> None:
        moved = self._root / target
        with writing(moved):
            moved.parent.mkdir(exist_ok=True)
            (self._root / name).replace(moved)
            _sync(self._root)

    def remove(self, name: str) -> None:
        with writing(self._root / name):
            (self._root / name).unlink(missing_ok=True)

    def remove_leftovers(self, folder: str = "") -> None:
        directory = self._root / folder
        for left in directory.iterdir() if directory.is_dir() else ():
            if _BESIDE.fullmatch(left.name):
                with writing(left):
                    shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)

    @contextmanager
    def alone(self, subject: str) -> Iterator[None]:  # noqa: ARG002  # one lock for all is as quick
        file = self._root / ".lock"
        with ExitStack() as stack:
            with writing(file):
                self._root.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(file.open("a+", errors="replace"))
            _wait_for(lock, file)
            with writing(file):
                os.truncate(lock.fileno(), 0)
                os.write(lock.fileno(), f"{socket.gethostname()}:{os.getpid()}".encode())
            yield


def _wait_for(lock: TextIO, file: Path) -> None:
    """Lock a file; raises ``CannotWrite`` naming a process that does not give it back."""
    give_up, pause = time.monotonic() + PATIENCE, 0.001
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > give_up:
                lock.seek(0)
                holder = lock.read() or "another process"
                raise CannotWrite(
                    f"{file} has been held by {holder} for {PATIENCE:.0f} s; nothing committed is "
                    "lost: is that process stopped? Let it go on, or end it"
                ) from None
        time.sleep(pause)
        pause = min(1.5 * pause, 0.05)


def beside_of(target: Path) -> Path:
    """Where to make what is then moved to ``target``; one that is left is removed as a leftover."""
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")


def _write_synced(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
