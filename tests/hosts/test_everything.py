"""Hosts, workers, driver and tracking server of one study, lost one after the other."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import servers
from tests.hosts.cluster import Cluster, digests, digests_alone, started
from tests.hosts.network import needs_hosts

LACKING = servers.missing()
pytestmark = [
    pytest.mark.hosts,
    pytest.mark.timeout(1800),
    needs_hosts,
    pytest.mark.skipif(bool(LACKING), reason=LACKING),
]

OVERRIDES = ("base.phases.0.steps=300", "rerun.seeds=2", "resources.pack=1")
PORT = "5000"
SERVE = """
import os, sys, tempfile, time
from pathlib import Path
from benchmarks import servers
port, password, away = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
with tempfile.TemporaryDirectory(dir="/tmp") as name:
    os.chmod(name, 0o755)  # PostgreSQL's own user passes through
    with servers.postgresql(Path(name, "postgresql")) as store:
        while True:
            with servers.mlflow_server(Path(name), store, port=port, password=password):
                print("up", flush=True)
                while not away.exists():
                    time.sleep(0.2)
            print("away", flush=True)
            while away.exists():
                time.sleep(0.2)
"""


class Tracking:
    """MLflow's server on PostgreSQL, both on the head, that can go away and come back."""

    def __init__(self, process: subprocess.Popen[str], away: Path, password: str) -> None:
        self._process, self._away = process, away
        self.environment = {
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{PORT}",
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": password,
        }

    def go_away(self) -> None:
        self._away.touch()
        self.wait_until("away")

    def come_back(self) -> None:
        self._away.unlink()
        self.wait_until("up")

    def wait_until(self, word: str) -> None:
        lines_until(self._process, lambda said: said[-1] == f"{word}\n")


@contextmanager
def tracking_server(cluster: Cluster) -> Iterator[Tracking]:
    away, password = cluster.shared / "away", secrets.token_urlsafe(16)
    with cluster.head.running(sys.executable, "-c", SERVE, PORT, password, away) as process:
        tracking = Tracking(process, away, password)
        tracking.wait_until("up")
        yield tracking


def lines_until(process: subprocess.Popen[str], enough: Callable[[list[str]], bool]) -> list[str]:
    """What a process says until that is enough; fails if it ends before."""
    assert process.stdout
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if enough(said):
            return said
    raise AssertionError("".join(said))


def test_whatever_is_lost_the_study_is_the_quiet_one(tmp_path: Path) -> None:
    (tmp_path / "quiet").mkdir()
    (tmp_path / "hosts").mkdir()
    quiet = digests_alone(tmp_path / "quiet", OVERRIDES)
    with started(tmp_path / "hosts") as cluster, tracking_server(cluster) as tracking:
        survives(cluster, tracking)
        assert digests(cluster.shared / "runs") == quiet


def survives(cluster: Cluster, tracking: Tracking) -> None:
    """Lose a host, a worker, the tracking server for a while and the driver; then verify.

    Two of three workers are held in the middle of packs until the driver is dead, so that all of it
    befalls a study that is not over, however fast the machine is.
    """
    sample, runs, _ = cluster.study
    cut_off, struck, third = cluster.workers
    command = ("pinn-sweep", "run", sample, runs, *OVERRIDES, f"--address={cluster.address}")
    cluster.hold(*cluster.workers)
    with cluster.head.running(*command, **tracking.environment) as driver:
        cluster.wait_until_held(driver, *cluster.workers)
        cut_off.cut_off()
        struck.run("pkill", "--signal=KILL", "--full", "^ray::ResourceTrainable")
        cluster.wait_until_held(driver, struck, packs=2)  # it trains again
        tracking.go_away()
        cluster.release(third)
        lines_until(driver, both_lost_and_nothing_published)
        tracking.come_back()
        cluster.head.run("pkill", "--signal=KILL", "--full", "pinn-sweep run")
        driver.communicate()
        assert driver.returncode != 0
    cluster.release(cut_off, struck)
    assert digests(cluster.shared / "runs"), "the third worker committed"

    second = cluster.head.run(*command, seconds=600, **tracking.environment)
    assert second.splitlines()[-1].startswith("next:")
    verified = cluster.head.run("pinn-sweep", "verify", sample, runs, **tracking.environment)
    assert "all is well" in verified


def both_lost_and_nothing_published(said: list[str]) -> bool:
    """Whether the driver knows of the worker, of the host and of the tracking server."""
    text = "".join(said)
    return text.count("lost, retry 1") >= 2 and "MLflow unreachable" in text
