"""Hosts, workers, driver and tracking server of one study, lost one after the other."""

from __future__ import annotations

import secrets
import sys
import time
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

OVERRIDES = ("base.phases.0.steps=10000", "rerun.seeds=8", "resources.pack=1")
AWAY = 60.0
"""Seconds without the tracking server."""
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
            while away.exists():
                time.sleep(0.2)
"""


class Tracking:
    """MLflow's server on PostgreSQL, both on the head, that can go away for a while."""

    def __init__(self, cluster: Cluster) -> None:
        self._away, password = cluster.shared / "away", secrets.token_urlsafe(16)
        self.process = cluster.head.start(sys.executable, "-c", SERVE, PORT, password, self._away)
        self.environment = {
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{PORT}",
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": password,
        }
        self._wait()

    def go_away(self) -> None:
        self._away.touch()
        time.sleep(AWAY)
        self._away.unlink()
        self._wait()

    def _wait(self) -> None:
        assert self.process.stdout
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line == "up\n":
                return
        raise AssertionError("".join(said))


def test_whatever_is_lost_the_study_is_the_quiet_one(tmp_path: Path) -> None:
    (tmp_path / "quiet").mkdir()
    (tmp_path / "hosts").mkdir()
    quiet = digests_alone(tmp_path / "quiet", OVERRIDES)
    with started(tmp_path / "hosts") as cluster:
        tracking = Tracking(cluster)
        with tracking.process:
            survives(cluster, tracking)
            assert digests(cluster.shared / "runs") == quiet
            tracking.process.kill()


def survives(cluster: Cluster, tracking: Tracking) -> None:
    """Lose a host, a worker, the tracking server for a minute and the driver; then verify."""
    sample, runs, _ = cluster.study
    cut_off, struck, _ = cluster.workers
    command = ("pinn-sweep", "run", sample, runs, *OVERRIDES, f"--address={cluster.address}")
    driver = cluster.head.start(*command, **tracking.environment)
    cluster.wait_until_all_train(driver)
    cut_off.cut_off()
    struck.run("pkill", "--signal=KILL", "--full", "^ray::")
    tracking.go_away()
    assert driver.poll() is None, "the study was over too early: give it more seeds"
    cluster.head.run("pkill", "--signal=KILL", "--full", "pinn-sweep run")
    first, _ = driver.communicate()
    assert driver.returncode != 0
    assert "lost, retry 1" in first
    assert "MLflow unreachable" in first

    second = cluster.head.run(*command, seconds=900, **tracking.environment)
    assert second.splitlines()[-1].startswith("next:")
    verified = cluster.head.run("pinn-sweep", "verify", sample, runs, **tracking.environment)
    assert "all is well" in verified
