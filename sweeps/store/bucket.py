"""A folder of an object store, through pyarrow: S3 and what speaks like it."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from pyarrow import fs

from sweeps.store.faults import reach
from sweeps.store.leases import Lease, Taken
from sweeps.store.writing import CannotReach

Answer = TypeVar("Answer")

CLAIMS = "claims"
"""Folder of the leases of processes that commit a run at this moment."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 25.0)
"""Seconds before what failed is tried again: the two files of a run are put within one lease."""

HOPELESS = (
    *("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH"),
    *("HTTP status 400", "HTTP status 401", "HTTP status 403"),  # such as a token that has expired
)
"""Errors that stay the same when the call is tried again."""

MISSING = "NO_SUCH_KEY"
"""What the store calls a file that is not there when it is copied."""


class Bucket:
    """A folder of an object store: each file is one put, which shows nothing until it is whole.

    A rename is a copy and a deletion: for a while, and after a kill, both names are there. A store
    that is away is asked again for about a minute; then, or at once where it refuses us, every
    method raises ``CannotReach``.
    """

    def __init__(self, filesystem: fs.FileSystem, path: str, address: str) -> None:
        self._filesystem, self._path = filesystem, path
        self._address = address.partition("?")[0].rstrip("/")
        self._leases: list[Lease] = []

    def names(self, folder: str = "") -> list[str]:
        """Sorted names of the files directly in a folder."""
        return sorted(info.base_name for info in self._infos(folder))

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        ask = partial(self._filesystem.get_file_info, self._full(name))
        return bool(self._patiently(f"cannot look for {self.where(name)}", ask).is_file)

    def where(self, name: str) -> str:
        """The file's address, without the options for reaching it."""
        return f"{self._address}/{name}"

    def read(self, name: str) -> bytes:
        """The content of a file; raises ``FileNotFoundError``."""
        try:
            return self._patiently(f"cannot read {self.where(name)}", partial(self._read, name))
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{self.where(name)} is not there") from error

    def write(self, name: str, content: bytes) -> None:
        """Put a file in place, over one of that name; raises ``Lost`` for one that is not alone.

        So a process that was suspended in a commit does not write over a later commit of another.
        """
        reach("before_write")
        for lease in self._leases:
            lease.keep()
        self.put(name, content)
        reach("after_rename")

    def put(self, name: str, content: bytes) -> None:
        """The same without faults on order."""
        vain = f"cannot write the {len(content)} bytes of {self.where(name)}"
        self._patiently(vain, partial(self._put, name, content))

    def move(self, name: str, target: str) -> None:
        """Rename a file within the place, over one of the new name."""
        self._patiently(f"cannot move {self.where(name)}", partial(self._move, name, target))

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        self._patiently(f"cannot remove {self.where(name)}", partial(self.discard, name))

    def discard(self, name: str) -> None:
        """The same in one try; raises ``OSError`` if that fails."""
        with suppress(FileNotFoundError):
            self._filesystem.delete_file(self._full(name))

    def remove_leftovers(self, folder: str = "") -> None:
        """Do nothing: a put that was cut short leaves no file."""

    def stamps(self, folder: str) -> dict[str, float]:
        """When each file of a folder was last written, in seconds by the store's clock."""
        return {info.base_name: (info.mtime_ns or 0) / 1e9 for info in self._infos(folder)}

    @contextmanager
    def alone(self, subject: str) -> Iterator[None]:
        """Lock out other writers of the same subject during the block."""
        lease = Lease(self, CLAIMS, subject)
        while True:
            try:
                lease.take()
                break
            except Taken:
                time.sleep(random.uniform(0.05, 0.5))
        self._leases.append(lease)
        try:
            yield
        finally:
            self._leases.remove(lease)
            lease.release()

    def try_out(self, *, write: bool) -> None:
        """Raise ``OSError`` unless the folder can at once be listed and, if asked for, written."""
        bucket = self._path.partition("/")[0]
        if self._filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
            raise FileNotFoundError(f"there is no bucket {bucket!r}")
        self._list("store")
        if write:
            probe = f"probe-{uuid.uuid4().hex}"
            self._put(probe, b"")
            self.discard(probe)

    def _read(self, name: str) -> bytes:
        with self._filesystem.open_input_file(self._full(name)) as file:
            return bytes(file.read())

    def _put(self, name: str, content: bytes) -> None:
        stream = self._filesystem.open_output_stream(self._full(name))
        stream.write(content)
        stream.close()

    def _move(self, name: str, target: str) -> None:
        """One try; a file at its target alone was moved by an earlier one whose answer was lost."""
        try:
            self._filesystem.move(self._full(name), self._full(target))
        except OSError as error:
            gone = isinstance(error, FileNotFoundError) or MISSING in str(error)
            if not gone or not self._filesystem.get_file_info(self._full(target)).is_file:
                raise

    def _infos(self, folder: str) -> list[fs.FileInfo]:
        return self._patiently(f"cannot list {self.where(folder)}", partial(self._list, folder))

    def _patiently(self, vain: str, ask: Callable[[], Answer]) -> Answer:
        """The store's answer, at one of several tries; ``vain`` says what was, if it was.

        Raises ``FileNotFoundError``, and ``CannotReach``.
        """
        for pause in (*PAUSES, None):
            try:
                return ask()
            except FileNotFoundError:
                raise
            except OSError as error:
                if pause is None or _is_hopeless(error):
                    raise CannotReach(f"{vain}; nothing committed is lost: {error}") from error
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _list(self, folder: str) -> list[fs.FileInfo]:
        selector = fs.FileSelector(self._full(folder).rstrip("/"), allow_not_found=True)
        return [info for info in self._filesystem.get_file_info(selector) if info.is_file]

    def _full(self, name: str) -> str:
        return f"{self._path}/{name}"


def _is_hopeless(error: OSError) -> bool:
    return any(word in str(error) for word in HOPELESS)


def bucket_at(address: str) -> Bucket:
    """The folder that an address names; asks AWS for the region where the address lacks one."""
    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query))
    endpoint = options.get("endpoint_override")
    region = options.get("region") or (None if endpoint else _region(parts.netloc))
    path = f"{parts.netloc}{parts.path}".rstrip("/")
    return Bucket(_s3(region, options.get("scheme", "https"), endpoint), path, address)


@cache
def _region(bucket: str) -> str:
    return str(fs.resolve_s3_region(bucket))


@cache
def _s3(region: str | None, scheme: str, endpoint: str | None) -> fs.S3FileSystem:
    return fs.S3FileSystem(
        region=region,
        scheme=scheme,
        endpoint_override=endpoint,
        connect_timeout=3,
        request_timeout=10,
        background_writes=False,
        allow_delayed_open=True,  # a file of up to 5 MB is one put instead of three requests
    )
