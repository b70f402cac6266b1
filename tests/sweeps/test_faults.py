import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sweeps.store import faults


@pytest.fixture(autouse=True)
def fresh_count() -> None:
    faults.reached.clear()


def order(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setenv("SWEEP_FAULT", fault)


def test_nothing_happens_without_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEP_FAULT", raising=False)
    faults.reach("before_write")
    assert not faults.reached


def test_a_fault_waits_for_its_site_and_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, "after_write@2:raise")
    faults.reach("after_write")
    faults.reach("after_rename")
    with pytest.raises(faults.Fault):
        faults.reach("after_write")
    faults.reach("after_write")


def test_several_faults_may_be_ordered(monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, "before_write@2:raise,in_step:1:interrupt")
    faults.reach("before_write")
    with pytest.raises(KeyboardInterrupt):
        faults.reach("in_step:1")
    with pytest.raises(faults.Fault):
        faults.reach("before_write")


def test_a_fault_may_happen_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, "in_step:3@every:enomem")
    for _ in range(2):
        with pytest.raises(MemoryError):
            faults.reach("in_step:3")


def test_a_site_may_name_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, "in_step:12:raise")
    faults.reach("in_step:1")
    with pytest.raises(faults.Fault):
        faults.reach("in_step:12")


def test_a_fault_ordered_once_spares_the_next_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    order(monkeypatch, "before_write:raise")
    monkeypatch.setenv("SWEEP_FAULT_ONCE", str(tmp_path / "happened"))
    with pytest.raises(faults.Fault):
        faults.reach("before_write")
    faults.reached.clear()
    faults.reach("before_write")


def test_a_full_disk_looks_as_the_system_reports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, "before_write:enospc")
    with pytest.raises(OSError, match="No space left") as caught:
        faults.reach("before_write")
    assert caught.value.errno == errno.ENOSPC


def test_flip_changes_one_bit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(8))
    order(monkeypatch, "after_write:flip")
    faults.reach("after_write", file)
    assert int.from_bytes(file.read_bytes()).bit_count() == 1


def test_truncate_leaves_half(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(8))
    order(monkeypatch, "after_write:truncate")
    faults.reach("after_write", file)
    assert file.read_bytes() == bytes(4)


def test_hold_lets_a_process_wait_for_as_long_as_a_file_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held = tmp_path / "held"
    held.touch()
    order(monkeypatch, "in_step:1@every:hold")
    monkeypatch.setenv("SWEEP_FAULT_HOLD", str(held))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(faults.reach, "in_step:1")
        while not held.read_text():
            assert not waiting.done()
        assert held.read_text() == f"{os.getpid()}\n"
        held.unlink()
    faults.reach("in_step:1")
    assert not held.exists()


def test_kill9_leaves_no_time_for_goodbyes() -> None:
    program = (
        "from sweeps.store.faults import reach\ntry: reach('before_write')\nfinally: print('bye')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "SWEEP_FAULT": "before_write:kill9"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert not done.stdout


def test_an_unknown_action_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, "before_write:explode")
    with pytest.raises(
        ValueError,
        match="allowed actions are kill9, raise, enospc, enomem, interrupt, flip, truncate, hold",
    ):
        faults.reach("before_write")
