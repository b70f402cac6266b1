"""A Ray cluster of hosts of their own, and what the same study gives in one process."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from tests.hosts.network import Host, hosts
from tests.sweeps.samples import STUDY

WORKERS = ("one", "two", "three")
LITTLE = "--object-store-memory=100000000"
TRACKING = "sqlite:////tmp/mlflow.db"  # on the head's own disk


class Cluster:
    """Ray on hosts: a head that runs no trial, workers of one core, a folder that they share."""

    def __init__(self, there: dict[str, Host], shared: Path) -> None:
        self.head, self.workers = there["head"], [there[name] for name in WORKERS]
        self.stranger, self.shared = there["stranger"], shared
        self.address = f"{self.head.address}:6379"

    def start(self) -> None:
        """Start Ray, with a token that all have; what the workers train can be held."""
        self.head.run(
            *("ray", "start", "--head", "--port=6379", "--num-cpus=0", LITTLE),
            *("--include-dashboard=false", f"--node-ip-address={self.head.address}"),
        )
        for worker in self.workers:  # one by one: Ray gives each 30 seconds
            worker.run(
                *("ray", "start", f"--address={self.address}", "--num-cpus=1", LITTLE),
                f"--node-ip-address={worker.address}",
                SWEEP_FAULT="in_step:1@every:hold",
                SWEEP_FAULT_HOLD=str(self._hold(worker)),
            )

    @property
    def study(self) -> tuple[str, ...]:
        """What every command on the study says of it and of the places."""
        place = f"--runs-dir={self.shared / 'runs'}"
        return str(self.shared / "sample.yaml"), place, f"--tracking-uri={TRACKING}"

    def hold(self, *workers: Host) -> None:
        """From now on let every pack of these workers stop in its first step."""
        for worker in workers:
            self._hold(worker).touch()

    def release(self, *workers: Host) -> None:
        """Let their packs go on."""
        for worker in workers:
            self._hold(worker).unlink()

    def wait_until_held(
        self, driver: subprocess.Popen[str], *workers: Host, packs: int = 1
    ) -> None:
        """Return when each of the workers was held in the middle of so many packs."""
        while any(len(self._hold(one).read_text().split()) < packs for one in workers):
            assert driver.poll() is None, driver.communicate()[0]
            time.sleep(0.1)

    def _hold(self, worker: Host) -> Path:
        return self.shared / f"hold-{worker.name}"


@contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    """A cluster of a head and three workers, with a token that all have, and a host besides."""
    disks, shared = folder / "disks", folder / "shared"
    shared.mkdir()
    (shared / "sample.yaml").write_text(STUDY)
    names = ("head", *WORKERS, "stranger")
    with pytest.MonkeyPatch.context() as patch, hosts(names, disks, shared) as there:
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        cluster = Cluster(there, shared)
        cluster.start()
        yield cluster


ALONE = """
import sys
from pathlib import Path
from sweeps.execution.launch import run_study
from sweeps.study.study import load_study
study = load_study("sample.yaml", sys.argv[1:])
sys.exit(run_study(study, runs_dir=Path("runs"), executor="inline"))
"""


def digests_alone(folder: Path, overrides: Sequence[str]) -> dict[str, str]:
    """What the same study gives in one process, which is none of pytest's: shapes cost time."""
    (folder / "sample.yaml").write_text(STUDY)
    subprocess.run(
        [sys.executable, "-c", ALONE, *overrides],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return digests(folder / "runs")


def digests(runs: Path) -> dict[str, str]:
    store = Store(StudyFolder.of(runs, "sample").store)
    return {one.run_id: one.digest for one in store.manifests()}
