"""What a folder of an object store does when the store stumbles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from sweeps.store import bucket
from sweeps.store.bucket import Bucket


class Stumbling:
    """A file system whose first opening of a file fails."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self._sound: Any = fs.LocalFileSystem()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("open_") or not self.reason:
            return getattr(self._sound, name)
        reason, self.reason = self.reason, ""
        raise OSError(reason)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bucket, "PAUSES", (0.0, 0.0))
    (tmp_path / "file").write_bytes(b"content")
    return tmp_path


def stumbling(folder: Path, reason: str) -> Bucket:
    return Bucket(Stumbling(reason), str(folder), "s3://bucket/folder")  # type: ignore[arg-type]


def test_what_failed_once_is_tried_again(folder: Path) -> None:
    assert stumbling(folder, "AWS Error INTERNAL_FAILURE").read("file") == b"content"
    stumbling(folder, "AWS Error INTERNAL_FAILURE").put("other", b"more")
    assert (folder / "other").read_bytes() == b"more"


def test_what_cannot_be_mended_is_said_at_once(folder: Path) -> None:
    for attempt in (lambda one: one.read("file"), lambda one: one.put("other", b"more")):
        place = stumbling(folder, "AWS Error ACCESS_DENIED")
        with pytest.raises(OSError, match="ACCESS_DENIED"):
            attempt(place)


def test_a_file_that_is_gone_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="s3://bucket/folder/none is not there"):
        stumbling(folder, "AWS Error INTERNAL_FAILURE").read("none")
