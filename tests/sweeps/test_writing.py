"""What is said when the system does not let us write."""

from __future__ import annotations

import errno
import logging
import os
import pickle
from pathlib import Path

import pytest

from sweeps.display.log_file import LogFile
from sweeps.errors import StudyError
from sweeps.store.address import check_folder
from sweeps.store.blob_store import beside_of, blob_store_at
from sweeps.store.lock import study_lock
from sweeps.store.writing import CannotWrite, writing


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk full: no room for the 12 bytes of report/a.png"),
        (errno.EDQUOT, "disk quota exceeded: no room for the 12 bytes of report/a.png"),
        (errno.EROFS, "read-only file system: cannot write the 12 bytes of report/a.png"),
        (errno.EACCES, "permission denied: cannot write the 12 bytes of report/a.png"),
    ],
)
def test_a_refusal_names_the_path_the_size_and_what_to_do(number: int, words: str) -> None:
    with pytest.raises(CannotWrite) as caught, writing("report/a.png", 12):
        raise OSError(number, os.strerror(number))
    assert str(caught.value).startswith(words)
    assert "nothing committed is lost: " in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_what_another_try_may_mend_is_no_refusal() -> None:
    with pytest.raises(OSError, match="away") as caught, writing("store"):
        raise OSError(errno.EIO, "away")
    assert not isinstance(caught.value, CannotWrite)


def test_a_refusal_keeps_its_words_on_the_way_out() -> None:
    inner = pytest.raises(CannotWrite, match="the 1 bytes of inner")
    with inner, writing("outer"), writing("inner", 1):
        raise OSError(errno.ENOSPC, "")


def test_a_full_disk_takes_no_more_log_and_nobody_hears_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("sweeps.test_writing")
    handler = LogFile("/dev/full", delay=True)
    logger.addHandler(handler)
    try:
        logger.error("a line")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_opened_stops_nothing(tmp_path: Path) -> None:
    handler = LogFile(tmp_path / "nothing" / "log.txt", delay=True)
    handler.emit(logging.makeLogRecord({"msg": "a line"}))
    handler.close()


def in_the_way(tmp_path: Path) -> Path:
    (tmp_path / "file").touch()
    return tmp_path / "file" / "runs"


def test_a_folder_that_cannot_be_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    check_folder(tmp_path / "to" / "be" / "made")
    for folder in (in_the_way(tmp_path), Path("/proc/x")):
        with pytest.raises(StudyError, match=f"{folder} cannot be written: "):
            check_folder(folder)
        with pytest.raises(StudyError, match=f"{folder} cannot be written: "), study_lock(folder):
            pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(StudyError, match="Permission denied"):
        check_folder(tmp_path / "runs")


def test_a_folder_that_was_being_made_is_a_leftover(tmp_path: Path) -> None:
    left = beside_of(tmp_path / "report")
    (left / "figures").mkdir(parents=True)
    (tmp_path / "report").mkdir()
    blob_store_at(str(tmp_path)).remove_leftovers()
    assert [entry.name for entry in tmp_path.iterdir()] == ["report"]
