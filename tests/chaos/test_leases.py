"""Processes that sleep through the end of what they hold, and clocks that jump meanwhile."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.store import leases
from sweeps.store.bucket import bucket_at
from sweeps.store.lock import study_lock
from sweeps.store.store import Store
from sweeps.study.plan import Run
from tests.processes import running
from tests.sweeps.s3 import S3
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of, with_value

pytestmark = pytest.mark.slow  # leases have to run out

LIFE = 3.0
"""Seconds that a lease lives in these tests."""

DRIVER = f"""
import sys, time
from sweeps.errors import StudyError
from sweeps.store import leases
from sweeps.store.bucket import bucket_at
from sweeps.store.lock import study_lock
leases.LIFE, leases.BEAT = {LIFE}, {LIFE} / 10
try:
    with study_lock(sys.argv[1]):
        print("locked", flush=True)
        time.sleep(600)
except StudyError as error:
    print(error, flush=True)
"""
WRITER = f"""
import sys
from pathlib import Path
from sweeps.store import leases
from sweeps.store.store import Store
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of
leases.LIFE, leases.BEAT = {LIFE}, {LIFE} / 10
run = pinn_run(sample_study(Path(sys.argv[2])))
commit(Store(sys.argv[1]), run, trajectory_of(run))
print("committed", flush=True)
"""


@pytest.fixture(autouse=True)
def short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LIFE", LIFE)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return pinn_run(sample_study(tmp_path))


def test_a_driver_that_was_stopped_for_longer_than_its_lock_lives_ends(s3: S3) -> None:
    home = s3.address("studies")
    with running([sys.executable, "-c", DRIVER, home]) as stopped, ExitStack() as stack:
        assert stopped.stdout
        assert stopped.stdout.readline() == "locked\n"
        stopped.send_signal(signal.SIGSTOP)
        while True:
            try:
                stack.enter_context(study_lock(home))
                break
            except StudyError as refused:
                assert f":{stopped.pid} since" in str(refused)
        stopped.send_signal(signal.SIGCONT)
        assert "lost the lock of s3://" in stopped.stdout.read()


def test_a_writer_that_slept_while_another_committed_changes_nothing(
    s3: S3, run: Run, tmp_path: Path
) -> None:
    store, held = Store(s3.address("store")), tmp_path / "held"
    held.touch()
    fault = {"SWEEP_FAULT": "before_write:hold,after_rename:kill9", "SWEEP_FAULT_HOLD": str(held)}
    slower = with_value(trajectory_of(run), "time/step_seconds", 3, 9.0)
    with running(
        [sys.executable, "-c", WRITER, store.root, tmp_path], env=os.environ | fault
    ) as late:
        while not held.read_text():
            assert late.poll() is None, late.communicate()[0]
        standing = commit(store, run, slower)
        held.unlink()
        assert late.communicate()[0] == "committed\n"
    assert store.manifest(run.run_id).digest == standing.digest
    assert store.damaged() == {}
    assert store.conflicts() == []
    assert store.read(run.run_id).digest() == standing.digest


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_this_machines_clock_may_say_anything(
    s3: S3, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = bucket_at(s3.address("studies"))
    now = time.time()
    monkeypatch.setattr(leases.time, "time", lambda: now + jump)
    first, second = (leases.Lease(bucket, "drivers", "driver") for _ in range(2))
    first.take()
    with pytest.raises(leases.Taken):
        second.take()
    assert first.renew()
    first.release()
    second.take()
