"""Whether machines share a folder: each reads there what the driver wrote, and answers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

FROM_DRIVER = "driver"


@dataclass(frozen=True)
class Meeting:
    """A place below a folder, or below an address such as ``s3://bucket/prefix``."""

    root: str
    token: str

    def answer(self, name: str) -> str:
        """On another machine: read the driver's word and leave one; what is wrong, if anything."""
        try:
            filesystem, folder = self._open()
            with filesystem.open_input_file(f"{folder}/{FROM_DRIVER}") as file:
                file.read()
            self._leave(name)
        except FileNotFoundError:
            return "what the driver writes there is not seen from here"
        except OSError as error:
            return _reason(error)
        return ""

    def heard(self, name: str) -> bool:
        """Whether the driver sees the word that another machine has left."""
        filesystem, folder = self._open()
        return bool(filesystem.get_file_info(f"{folder}/{name}").is_file)

    def _leave(self, name: str) -> None:
        filesystem, folder = self._open()
        with filesystem.open_output_stream(f"{folder}/{name}") as file:
            file.write(self.token.encode())

    def _open(self) -> tuple[fs.FileSystem, str]:
        if "://" in self.root:
            filesystem, path = fs.FileSystem.from_uri(self.root)
        else:
            filesystem, path = fs.LocalFileSystem(), str(Path(self.root).absolute())
        return filesystem, f"{path.rstrip('/')}/.meeting-{self.token}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Leave the driver's word; nothing stays when the block is over. Raises ``OSError``."""
        filesystem, folder = self._open()
        made = []
        if isinstance(filesystem, fs.LocalFileSystem):
            made = [each for each in (Path(folder), *Path(folder).parents) if not each.exists()]
            Path(folder).mkdir(parents=True)
        try:
            self._leave(FROM_DRIVER)
            yield
        finally:
            with suppress(OSError):
                filesystem.delete_dir_contents(folder)
            for each in made:
                with suppress(OSError):  # somebody else uses it by now
                    each.rmdir()


def meeting(root: str) -> Meeting:
    """A meeting of its own below ``root``; nothing is created yet."""
    return Meeting(root, uuid.uuid4().hex)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).partition("\n")[0]
