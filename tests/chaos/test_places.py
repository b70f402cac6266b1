"""Places that stop being what they were, have odd names, or a damaged lock."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from sweeps.checking.verify import verify
from sweeps.errors import StudyError
from sweeps.execution import launch as launch_module
from sweeps.execution.launch import run_study
from sweeps.store.lock import lock_holder, study_lock
from sweeps.tracking.tracking import default_tracking_uri
from tests.sweeps.launching import digests, launch, planned, sample, store_of


@pytest.fixture(scope="module", autouse=True)
def no_report() -> Iterator[None]:
    """Reports have tests of their own and take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of the study where nothing happens."""
    folder = tmp_path_factory.mktemp("quiet")
    assert launch(sample(folder), folder)[0] == 0
    return digests(sample(folder), folder)


class Once(StringIO):
    """A screen on which a line lets something happen, once."""

    def __init__(self, line: str, event: Callable[[], object]) -> None:
        super().__init__()
        self._line, self._event, self._happened = line, event, False

    def write(self, text: str) -> int:
        if self._line in text and not self._happened:
            self._happened = True
            self._event()
        return super().write(text)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("sample", "search pinn 2/4"),
        ("sample/store", "rerun pinn 1/2"),
        pytest.param("sample", "search regression 2/2", marks=pytest.mark.slow),
        pytest.param("sample", "rerun pinn 1/2", marks=pytest.mark.slow),
        pytest.param("sample/store", "search pinn 2/4", marks=pytest.mark.slow),
        pytest.param("sample/store", "search regression 2/2", marks=pytest.mark.slow),
    ],
)
def test_a_store_removed_in_the_middle_is_said_and_done_again(
    what: str, line: str, quiet: dict[str, str], tmp_path: Path
) -> None:
    gone = tmp_path / "runs" / what
    code, said = launch(sample(tmp_path), tmp_path, Once(line, lambda: shutil.rmtree(gone)))
    assert code == 1
    missing = len(quiet) - len(digests(sample(tmp_path), tmp_path))
    assert missing > 0
    store = store_of(sample(tmp_path), tmp_path).root
    assert f"{missing} runs that were committed are not in {store} any more" in said
    assert "run the same command again" in said
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    assert digests(sample(tmp_path), tmp_path) == quiet


def test_a_folder_may_have_any_name(quiet: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "à côté 100%20 done? #1 [b] 'c'"
    folder.mkdir()
    study, screen = sample(folder), Console(file=StringIO())
    assert run_study(study, runs_dir=folder / "runs", executor="inline", console=screen) == 0
    assert digests(study, folder) == quiet
    uri = default_tracking_uri(folder / "runs")
    assert verify(study, store_of(study, folder), planned(study, folder), uri).findings == []
    assert (folder / "runs" / "mlflow.db").is_file()
    assert len(list((folder / "runs" / "artifacts").rglob("*.parquet"))) == len(quiet)
    elsewhere = [file for file in tmp_path.rglob("*") if not file.is_relative_to(folder)]
    assert not any(file.is_file() for file in elsewhere)  # MLflow takes addresses for paths


@pytest.mark.parametrize("content", ["", "\0\xff" * 40, "another:1 since 2020-01-01\n"])
def test_what_stands_in_the_lock_does_not_matter(
    content: str, quiet: dict[str, str], tmp_path: Path
) -> None:
    lock = tmp_path / "runs" / "sample" / "lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(content, encoding="latin-1")
    assert lock_holder(lock.parent) == ""
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    assert digests(sample(tmp_path), tmp_path) == quiet


def test_a_damaged_lock_that_is_held_refuses_all_the_same(tmp_path: Path) -> None:
    home = tmp_path / "runs" / "sample"
    with study_lock(home):
        (home / "lock").write_bytes(b"\xff\xfe")
        with pytest.raises(StudyError, match="is locked by"):
            launch(sample(tmp_path), tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own under ``runs``; returns the folder with it."""
    disk = tmp_path / "runs"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("mounting needs root")
    yield tmp_path
    subprocess.run(["umount", "--lazy", disk], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder / "runs"], check=True)


@pytest.mark.parametrize(
    "inodes",
    [2, 8, 20, *(pytest.param(count, marks=pytest.mark.slow) for count in (4, 12, 16, 24))],
)
def test_a_disk_without_inodes_is_said_and_the_study_goes_on_later(
    inodes: int, quiet: dict[str, str], small_disk: Path
) -> None:
    remount(small_disk, f"nr_inodes={inodes}")
    try:
        code, said = launch(sample(small_disk), small_disk)
    except StudyError as refused:
        code, said = 2, str(refused)
    assert code in (1, 2)
    assert "No space left" in said or "no room" in said
    assert str(small_disk / "runs") in said
    remount(small_disk, "nr_inodes=1000")
    assert launch(sample(small_disk), small_disk)[0] == 0
    assert digests(sample(small_disk), small_disk) == quiet


def test_a_read_only_disk_is_refused_and_the_study_is_as_before(
    quiet: dict[str, str], small_disk: Path
) -> None:
    remount(small_disk, "ro")
    with pytest.raises(StudyError, match="Read-only file system"):
        launch(sample(small_disk), small_disk)
    remount(small_disk, "rw")
    assert launch(sample(small_disk), small_disk)[0] == 0
    remount(small_disk, "ro")
    with pytest.raises(StudyError, match="Read-only file system"):
        launch(sample(small_disk), small_disk)
    assert digests(sample(small_disk), small_disk) == quiet
