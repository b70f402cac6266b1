"""Workers of Ray that are stopped (SIGSTOP) for a while, as a debugger or a laptop's lid does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from sweeps.execution import launch
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from tests.processes import running
from tests.sweeps.s3 import S3
from tests.sweeps.samples import STUDY, VERIFIED, sample_study
from tests.sweeps.test_study_on_s3 import pinn_sweep

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("pinn-sweep")
OVERRIDES = ("base.phases.0.steps=40", "rerun.seeds=2", "resources.pack=2")
LIFE = 3.0
"""Seconds that a lease lives, and that a lock is waited for."""

HASTE = f"""
from sweeps.store import blob_store, leases
leases.LIFE, leases.BEAT, blob_store.PATIENCE = {LIFE}, {LIFE} / 10, {LIFE}
"""
"""What each of the study's processes begins with."""

IN_TRAINING, IN_COMMIT = "in_step:9@every", "before_write@3"


class Driver:
    """The study's command in a folder, whose workers can be held where a fault is on order."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._folder, self._words = folder, words
        self._held = folder / "held"
        (folder / "sample.yaml").write_text(STUDY)
        (folder / "haste").mkdir()
        (folder / "haste" / "sitecustomize.py").write_text(HASTE)

    @contextmanager
    def started(self, site: str = "") -> Iterator[subprocess.Popen[str]]:
        """At work; each worker that comes to the site is held."""
        paths = [str(self._folder / "haste"), os.environ.get("PYTHONPATH", "")]
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        if site:
            self._held.touch()
            environment |= {"SWEEP_FAULT": f"{site}:hold", "SWEEP_FAULT_HOLD": str(self._held)}
        command = [COMMAND, "run", "sample.yaml", *OVERRIDES, *self._words]
        with running(command, cwd=self._folder, env=os.environ | environment) as process:
            yield process

    def stop_a_worker(self, driver: subprocess.Popen[str]) -> int:
        """Stop the first worker that is held, and let all others go on; its process id."""
        while not self._held.read_text():
            assert driver.poll() is None, driver.communicate()[0]
            time.sleep(0.05)
        worker = int(self._held.read_text().split()[0])
        assert worker != driver.pid
        os.kill(worker, signal.SIGSTOP)
        self._held.unlink()
        return worker

    @property
    def store(self) -> Store:
        return Store(StudyFolder.of(self._folder / "runs", "sample").store)

    def check(self, planned: dict[str, str]) -> None:
        """Everything is there once, as it is where nothing happens, and MLflow has it, too."""
        assert {kept.run_id: kept.digest for kept in self.store.manifests()} == planned
        assert self.store.conflicts() == []
        code, said, _ = pinn_sweep("verify", "sample", "--runs-dir", self._folder / "runs")
        assert (code, said) == (0, VERIFIED)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of the study where nothing happens."""
    folder = tmp_path_factory.mktemp("quiet")
    study = sample_study(folder, *OVERRIDES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "bring_report_up_to_date", lambda *_: None)
        screen = Console(file=StringIO())
        assert launch.run_study(study, runs_dir=folder, executor="inline", console=screen) == 0
    store = Store(StudyFolder.of(folder, "sample").store)
    return {kept.run_id: kept.digest for kept in store.manifests()}


def goes_on_and_ends(worker: int) -> None:
    """Let a stopped process go on, and wait for its end."""
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGCONT)
    while Path(f"/proc/{worker}").exists():
        time.sleep(0.05)


def test_a_worker_that_was_stopped_in_its_training_ends_it(
    tmp_path: Path, quiet: dict[str, str]
) -> None:
    study = Driver(tmp_path)
    with study.started(IN_TRAINING) as driver:
        worker = study.stop_a_worker(driver)
        while not study.store.committed():
            assert driver.poll() is None, driver.communicate()[0]
            time.sleep(0.05)
        os.kill(worker, signal.SIGCONT)
        said, _ = driver.communicate()
    assert driver.returncode == 0, said
    assert not re.search("lost,|failed:", said)
    study.check(quiet)


def test_a_worker_that_slept_through_its_claim_and_its_driver_changes_nothing(
    s3: S3, tmp_path: Path, quiet: dict[str, str]
) -> None:
    study = Driver(tmp_path, "--store", s3.address("studies"))
    with study.started(IN_COMMIT) as driver:
        worker = study.stop_a_worker(driver)
        os.killpg(driver.pid, signal.SIGKILL)
    with study.started() as driver:
        said, _ = driver.communicate()
    assert driver.returncode == 0, said
    goes_on_and_ends(worker)
    study.check(quiet)


def test_a_worker_that_sleeps_with_a_folders_lock_is_named(
    tmp_path: Path, quiet: dict[str, str]
) -> None:
    study = Driver(tmp_path)
    with study.started(IN_COMMIT) as driver:
        worker = study.stop_a_worker(driver)
        os.killpg(driver.pid, signal.SIGKILL)
    with study.started() as driver:
        said, _ = driver.communicate()
    assert driver.returncode == 1, said
    assert re.search(rf"\.lock has been held by \S+:{worker} .*; run the same command again", said)
    assert "Traceback" not in said
    goes_on_and_ends(worker)
    with study.started() as driver:
        said, _ = driver.communicate()
    assert driver.returncode == 0, said
    study.check(quiet)
