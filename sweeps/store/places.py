"""Where the store's files lie: a local directory, or a folder of any pyarrow filesystem."""

import errno
import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sweeps.store.bucket import bucket_at
from sweeps.store.faults import reach


class DiskFull(Exception):
    """There is no room for a file; the message names it, its size and what to do."""


READERS = 16
"""How many files are read at a time where many are asked for."""

_BESIDE = re.compile(r"\..+\.[0-9a-f]{32}\.part")
"""A file on its way to its place."""


class Place(Protocol):
    """A folder whose files appear whole or not at all; names may contain ``/``."""

    def names(self, folder: str = "") -> list[str]:
        """Sorted names of the files directly in ``folder``; none if it does not exist."""

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""

    def where(self, name: str) -> str:
        """The full path of a file, for messages."""

    def read(self, name: str) -> bytes:
        """The content of a file; raises ``FileNotFoundError``."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file in place, over one of that name; raises ``DiskFull``."""

    def move(self, name: str, target: str) -> None:
        """Rename a file within the place, over one of the new name."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def alone(self, subject: str) -> AbstractContextManager[None]:
        """Keep other writers of the same subject out meanwhile, or those of all subjects."""

    def remove_leftovers(self, folder: str = "") -> None:
        """Remove what writers left beside in ``folder`` when they died; call it when alone."""


def place_at(root: str) -> Place:
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
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
        try:
            reach("before_write")
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_synced(beside, content)
            reach("after_write", beside)
            beside.replace(target)
            _sync(target.parent)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(_no_room(str(target), len(content))) from error
            raise
        finally:
            beside.unlink(missing_ok=True)
        reach("after_rename", target)

    def move(self, name: str, target: str) -> None:
        moved = self._root / target
        moved.parent.mkdir(exist_ok=True)
        (self._root / name).replace(moved)
        _sync(self._root)

    def remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def remove_leftovers(self, folder: str = "") -> None:
        for name in self.names(folder):
            if _BESIDE.fullmatch(name):
                (self._root / folder / name).unlink(missing_ok=True)

    @contextmanager
    def alone(self, subject: str) -> Iterator[None]:  # noqa: ARG002  # one lock for all is as quick
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


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


def _no_room(path: str, needed: int) -> str:
    return (
        f"disk full: no room for the {needed} bytes of {path}; nothing committed is lost: "
        "free some space"
    )
