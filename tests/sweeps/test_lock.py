import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.store.lock import study_lock
from tests.processes import running


def test_the_second_driver_learns_who_holds_the_study(tmp_path: Path) -> None:
    with (
        study_lock(tmp_path / "demo"),
        pytest.raises(
            StudyError, match=rf"'demo' is locked by {socket.gethostname()}:{os.getpid()} "
        ),
        study_lock(tmp_path / "demo"),
    ):
        pytest.fail("two drivers hold one study")


def test_studies_do_not_lock_each_other(tmp_path: Path) -> None:
    with study_lock(tmp_path / "demo"), study_lock(tmp_path / "plateaus"):
        pass


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="boom"), study_lock(tmp_path):
        raise RuntimeError("boom")
    with study_lock(tmp_path):
        pass


def test_a_killed_driver_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from sweeps.store.lock import study_lock\n"
        "with study_lock(Path(sys.argv[1])): print('locked', flush=True); time.sleep(600)"
    )
    with running([sys.executable, "-c", program, tmp_path]) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "locked\n"
        with pytest.raises(StudyError, match=f":{driver.pid} since "), study_lock(tmp_path):
            pytest.fail("two drivers hold one study")
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    with study_lock(tmp_path):
        pass
