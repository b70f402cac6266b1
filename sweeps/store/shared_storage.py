"""Whether machines share a store: each reads there what the driver wrote, and answers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sweeps.store.address import is_address, reason
from sweeps.store.blob_store import blob_store_at

FROM_DRIVER = "driver"


@dataclass(frozen=True)
class SharedStorageProbe:
    """Words left in a folder, or at an address such as ``s3://bucket/prefix``."""

    root: str
    token: str

    def answer(self, name: str) -> str:
        """On another machine: read the driver's word and leave one; what is wrong, if anything."""
        place = blob_store_at(self.root)
        try:
            place.read(self._word(FROM_DRIVER))
            place.write(self._word(name), b"")
        except FileNotFoundError:
            return "what the driver writes there is not seen from here"
        except OSError as error:
            return _reason(error)
        return ""

    def heard(self, name: str) -> bool:
        """Whether the driver sees the word that another machine has left."""
        return blob_store_at(self.root).exists(self._word(name))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Leave the driver's word; nothing stays when the block is over. Raises ``OSError``."""
        place, made = blob_store_at(self.root), _missing(self.root)
        try:
            place.write(self._word(FROM_DRIVER), b"")
            yield
        finally:
            with suppress(OSError):
                for name in place.names():
                    if name.startswith(self._word("")):
                        place.remove(name)
            for folder in made:
                with suppress(OSError):  # another process uses it by now
                    folder.rmdir()

    def _word(self, name: str) -> str:
        return f".meeting-{self.token}-{name}"


def meeting(root: str) -> SharedStorageProbe:
    """A meeting of its own at ``root``; nothing is created yet."""
    return SharedStorageProbe(root, uuid.uuid4().hex)


def _missing(root: str) -> list[Path]:
    """The folders that writing at ``root`` will make, the innermost first."""
    if is_address(root):
        return []
    folder = Path(root).absolute()
    return [each for each in (folder, *folder.parents) if not each.exists()]


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or reason(error)).partition("\n")[0]
