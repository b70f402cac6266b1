"""A report that follows a study while it runs."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from sweeps.display import watching
from sweeps.display.watching import watch
from sweeps.errors import StudyError
from sweeps.store.folder import StudyFolder
from sweeps.store.lock import study_lock
from sweeps.store.store import Store
from tests.sweeps.launching import sample

AGAIN = 'http-equiv="refresh"'


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> StudyFolder:
    copytree(done / "runs", tmp_path / "runs")
    return StudyFolder.of(tmp_path / "runs", "sample")


def test_the_page_loads_itself_again_as_long_as_a_command_works(
    folder: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    page = folder.report / "index.html"
    while_running: list[bool] = []
    with study_lock(folder.home):

        def pause(_: float) -> None:
            """The command ends at the second look."""
            while_running.append(AGAIN in page.read_text())
            if len(while_running) == 2:
                monkeypatch.setattr(watching, "lock_holder", lambda _: "")

        monkeypatch.setattr(watching.time, "sleep", pause)
        watch(sample(tmp_path), folder, said.append)
    runs = len(Store(folder.store).committed())
    assert while_running == [True, True]
    assert [line.partition(",")[0] for line in said] == [f"{runs} runs"] * 2  # nothing new between
    assert said[1].endswith(f"no command is working on the study now: {page}")
    assert AGAIN not in page.read_text()


def test_without_any_run_it_waits_while_a_command_works_and_says_so_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StudyFolder.of(tmp_path / "runs", "sample")
    Path(folder.home).mkdir(parents=True)
    holders = iter(["a command", ""])
    monkeypatch.setattr(watching, "lock_holder", lambda _: next(holders))
    monkeypatch.setattr(watching.time, "sleep", lambda _: None)
    with pytest.raises(StudyError, match="no committed run"):
        watch(sample(tmp_path), folder, lambda _: None)
