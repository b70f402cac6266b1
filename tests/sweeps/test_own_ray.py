"""A Ray of our own: that it has a second try, and that its files are for this user alone."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
import ray

from sweeps.errors import StudyError
from sweeps.execution import own_ray as own_ray_module
from sweeps.execution.own_ray import keep_token_private, own_ray, watched


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What ``ray.init`` is called with; nothing is started."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "init", lambda **options: found.append(options))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    yield found
    for options in found:
        rmtree(Path(options["_temp_dir"]).parent, ignore_errors=True)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize(("refusals", "starts"), [(1, True), (2, False)])
def test_ray_has_a_second_try(
    refusals: int,
    starts: bool,
    calls: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def init(**options: object) -> None:
        calls.append(options)
        if len(calls) <= refusals:
            raise Exception("The current node timed out during startup.\nmore")  # as Ray does

    monkeypatch.setattr(ray, "init", init)
    connection = own_ray(1, 0)
    if starts:
        with connection:
            assert "timed out during startup.): once more" in caplog.text
    else:
        with pytest.raises(StudyError, match=r"not start on this machine, twice: The current node"):
            connection.__enter__()
    assert len(calls) == 2


@pytest.mark.parametrize(("load", "said"), [(20.0, True), (1.0, False)])
def test_a_ray_that_does_not_start_on_a_busy_machine_is_told_so(
    load: float, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_: object) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with pytest.raises(StudyError) as raised, own_ray(1, 0):
        pass
    assert ("this machine is busy (load 20 on 2 cores)" in str(raised.value)) == said


@pytest.mark.parametrize("place", ["short", "long"])
def test_its_files_are_for_this_user_alone_and_go_with_it(
    place: str, calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/tmp" if place == "short" else str(tmp_path / ("x" * 50)))
    with own_ray(1, 0):
        folder = Path(calls[0]["_temp_dir"])
        assert len(str(folder)) <= 38
        folder.mkdir()
        folder.chmod(0o777)  # as Ray does
        assert mode(folder.parent) == 0o700
    assert not folder.parent.exists()


class Node:
    """A Ray of which one process has ended."""

    def __init__(self, kind: str) -> None:
        self.looks = 0
        self._process = subprocess.Popen(["sh", "-c", "exit 3"])
        self._process.wait()
        self._kind = kind

    def dead_processes(self) -> list[tuple[str, subprocess.Popen[bytes]]]:
        self.looks += 1
        return [(self._kind, self._process)]

    def get_logs_dir_path(self) -> str:
        return "/tmp/ray-1/logs"


@pytest.mark.parametrize("kind", ["gcs_server", "raylet"])
def test_the_end_of_a_process_it_needs_is_said_and_interrupts(
    kind: str,
    calls: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(own_ray_module, "LOOK_EVERY", 0.01)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored here
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with own_ray(1, 0):
        monkeypatch.setattr(ray._private.worker, "_global_node", Node(kind))
        with pytest.raises(KeyboardInterrupt), watched(said.append):
            time.sleep(60)
        left = Path(calls[0]["_temp_dir"]).parent
    assert said == [f"Ray's {kind} ended, status 3; logs: /tmp/ray-1/logs"]
    assert left.is_dir()  # with its logs


def test_processes_that_ray_can_do_without_may_end(
    calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    node = Node("dashboard")
    monkeypatch.setattr(own_ray_module, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(ray._private.worker, "_global_node", node)
    with own_ray(1, 0), watched(said.append):
        while node.looks < 3:
            time.sleep(0.01)
    assert said == []


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Ray looks for its token, in a home of its own, under the loosest mask."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    before = os.umask(0)
    yield tmp_path / ".ray" / "auth_token"
    os.umask(before)


def test_the_token_is_made_for_this_user_alone(token: Path) -> None:
    keep_token_private()
    assert (mode(token.parent), mode(token)) == (0o700, 0o600)
    made = token.read_text()
    assert len(made) == 64
    keep_token_private()
    assert token.read_text() == made
    assert list(token.parent.iterdir()) == [token]


def test_a_token_that_ray_made_is_closed_to_others(token: Path) -> None:
    token.parent.mkdir()
    token.write_text("f" * 64)
    keep_token_private()
    assert (mode(token), token.read_text()) == (0o600, "f" * 64)


def test_a_home_that_cannot_be_written_is_named(token: Path) -> None:
    token.parent.touch()
    with pytest.raises(StudyError, match=r"\.ray/auth_token: .*; or set RAY_AUTH_TOKEN"):
        keep_token_private()


def test_a_token_in_the_environment_needs_no_file(
    token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "f" * 64)
    keep_token_private()
    assert not token.parent.exists()
