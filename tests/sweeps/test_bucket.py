"""What a folder of an object store does when the store stumbles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from pyarrow import fs

from sweeps.store import bucket
from sweeps.store.bucket import Bucket
from sweeps.store.writing import CannotReach


class Stumbling:
    """A file system whose first requests fail."""

    def __init__(self, reason: str, failures: int) -> None:
        self._reason, self._failures = reason, failures
        self._sound: Any = fs.LocalFileSystem()

    def __getattr__(self, name: str) -> Any:
        return partial(self._ask, name)

    def _ask(self, name: str, *what: Any) -> Any:
        if self._failures:
            self._failures -= 1
            raise OSError(self._reason)
        return getattr(self._sound, name)(*what)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bucket, "PAUSES", (0.0, 0.0))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"content")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def stumbling(folder: Path, reason: str, failures: int = 1) -> Bucket:
    filesystem: Any = Stumbling(reason, failures)
    return Bucket(filesystem, str(folder), "s3://bucket/folder")


REQUESTS: dict[str, Callable[[Bucket], Any]] = {
    "list": lambda bucket: bucket.names(),
    "look for": lambda bucket: bucket.exists("file"),
    "read": lambda bucket: bucket.read("file"),
    "write the 4 bytes of": lambda bucket: bucket.put("file", b"more"),
    "move": lambda bucket: bucket.move("file", "other"),
    "remove": lambda bucket: bucket.remove("file"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_what_failed_is_tried_again(request_: Callable[[Bucket], Any], folder: Path) -> None:
    elsewhere = folder.with_name("elsewhere")
    copytree(folder, elsewhere)
    expected = request_(stumbling(elsewhere, "", failures=0))
    assert request_(stumbling(folder, "AWS Error INTERNAL_FAILURE", failures=2)) == expected
    assert files(folder) == files(elsewhere)


@pytest.mark.parametrize(("reason", "failures"), [("INTERNAL_FAILURE", 3), ("ACCESS_DENIED", 1)])
@pytest.mark.parametrize("words", REQUESTS)
def test_what_stays_vain_is_said_with_the_place(
    words: str, reason: str, failures: int, folder: Path
) -> None:
    bucket = stumbling(folder, f"AWS Error {reason}", failures)
    message = f"cannot {words} s3://bucket/folder/.*; nothing committed is lost: AWS Error {reason}"
    with pytest.raises(CannotReach, match=message):
        REQUESTS[words](bucket)
    assert files(folder) == {"file": b"content"}
    assert bucket.read("file") == b"content"


def test_a_file_that_was_moved_although_the_answer_was_lost_is_moved(folder: Path) -> None:
    bucket = stumbling(folder, "", failures=0)
    bucket.move("file", "other")
    bucket.move("file", "other")
    assert files(folder) == {"other": b"content"}
    with pytest.raises(FileNotFoundError):
        bucket.move("file", "third")


def test_a_file_that_is_gone_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="s3://bucket/folder/none is not there"):
        stumbling(folder, "AWS Error INTERNAL_FAILURE").read("none")
