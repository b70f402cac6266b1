"""What Ray Tune says of packs that failed, and what it keeps of those that are done."""

from __future__ import annotations

from pathlib import Path

import pytest
from ray.tune.experiment import Trial
from ray.tune.utils.callback import _create_default_callbacks

from sweeps.execution.context import WorkerContext
from sweeps.execution.executors import TUNE_ENVIRONMENT
from sweeps.execution.pack_searcher import PackSearcher
from sweeps.execution.patience import NothingTrains, Patience
from sweeps.execution.spreading import Room
from sweeps.execution.tune_events import PackEvents

NOT_STARTED = """Failure # 1 (occurred at 2026-11-28_19-23-32)
The actor died because of an error raised in its creation task, \x1b[36mray::Trainable\x1b[39m
RuntimeError: The actor with name ResourceTrainable failed to import on the worker.

  File "sweeps/execution/trainable.py", line 16, in <module>
    from sweeps.execution.training import train_pack
ImportError: libbroken.so.1: cannot open shared object file
"""
LOST = """Failure # 1 (occurred at 2026-11-28_19-23-32)
The actor died unexpectedly before finishing this task.
\tclass_name: ResourceTrainable
Worker exit type: SYSTEM_ERROR
"""
FAULTY = """Failure # 1 (occurred at 2026-11-28_19-23-32)
\x1b[36mray::ResourceTrainable.train()\x1b[39m (pid=2181, ip=127.0.0.1)
  File "sweeps/execution/training.py", line 16, in train_pack
ValueError: \x1b[31mthe loss is a string\x1b[39m
"""


class Searcher(PackSearcher):
    """Notes what it hears."""

    def __init__(self, folder: Path) -> None:
        place = WorkerContext(store=str(folder), metric="loss/regression", progress=str(folder))
        super().__init__([], place, Room(2, 2))
        self.heard: list[str] = []

    def retried(self, trial_id: str, attempt: int, reason: str) -> None:  # noqa: ARG002
        self.heard.append(f"retried: {reason}")

    def lost(self, trial_id: str, reason: str) -> None:  # noqa: ARG002
        self.heard.append(f"lost: {reason}")


class Failed(Trial):
    """Of which Ray has written something."""

    def __init__(self, file: Path, written: str) -> None:
        super().__init__("pack", stub=True)
        file.write_text(written)
        self._file = str(file)

    @property
    def error_file(self) -> str:
        return self._file


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    return Searcher(tmp_path)


def events_of(searcher: Searcher, *, one_machine: bool = True) -> PackEvents:
    patience = Patience(lambda: "no reason", say=print)
    return PackEvents(searcher, patience, ticks=[], one_machine=one_machine)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (LOST, "The actor died unexpectedly before finishing this task."),
        (FAULTY, "ValueError: the loss is a string"),
        ("", "no reason given"),
    ],
)
def test_a_pack_that_failed_is_tried_again(
    written: str, reason: str, searcher: Searcher, tmp_path: Path
) -> None:
    events, trial = events_of(searcher), Failed(tmp_path / "error.txt", written)
    events.on_trial_recover(1, [trial], trial)
    events.on_trial_error(2, [trial], trial)
    events.on_step_end(2, [trial])
    assert searcher.heard == [f"retried: {reason}", f"lost: {reason}"]


def test_a_worker_that_cannot_start_ends_the_study_by_its_cause(
    searcher: Searcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events, trial = events_of(searcher), Failed(tmp_path / "error.txt", NOT_STARTED)
    events.on_trial_recover(1, [trial], trial)
    events.on_trial_recover(1, [trial], trial)  # that of the other slot
    with pytest.raises(NothingTrains) as caught:
        events.on_step_end(1, [trial])
    cause = "ImportError: libbroken.so.1: cannot open shared object file"
    assert str(caught.value) == f"no worker can start: {cause}"
    assert searcher.heard == []
    assert "line 16, in <module>" in caplog.text
    assert "\x1b" not in caplog.text


def test_in_a_cluster_it_may_start_on_another_node(searcher: Searcher, tmp_path: Path) -> None:
    events = events_of(searcher, one_machine=False)
    trial = Failed(tmp_path / "error.txt", NOT_STARTED)
    events.on_trial_recover(1, [trial], trial)
    events.on_step_end(1, [trial])
    assert searcher.heard == [
        "retried: ImportError: libbroken.so.1: cannot open shared object file"
    ]


def test_tune_adds_no_callback_that_keeps_every_trial(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TUNE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    events = events_of(searcher)
    assert _create_default_callbacks([events]) == [events]
