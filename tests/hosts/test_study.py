"""A study on a Ray cluster of several hosts, as a person starts it, and what may happen to them."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from tests.hosts.network import Host, hosts, needs_hosts
from tests.sweeps.samples import STUDY

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900), needs_hosts]

WORKERS = ("one", "two", "three")
OVERRIDES = ("base.phases.0.steps=8000", "rerun.seeds=3", "resources.pack=1")
LITTLE = "--object-store-memory=100000000"
TRACKING = "sqlite:////tmp/mlflow.db"  # on the head's own disk


class Cluster:
    """Ray on hosts: a head that runs no trial, workers of one core, a folder that they share."""

    def __init__(self, there: dict[str, Host], shared: Path) -> None:
        self.head, self.workers = there["head"], [there[name] for name in WORKERS]
        self.stranger, self.shared = there["stranger"], shared
        self.address = f"{self.head.address}:6379"

    def start(self) -> None:
        """Start Ray, with a token that all have."""
        self.head.run(
            *("ray", "start", "--head", "--port=6379", "--num-cpus=0", LITTLE),
            *("--include-dashboard=false", f"--node-ip-address={self.head.address}"),
        )
        joining = [
            worker.start(
                *("ray", "start", f"--address={self.address}", "--num-cpus=1", LITTLE),
                f"--node-ip-address={worker.address}",
            )
            for worker in self.workers
        ]
        for process in joining:
            said, _ = process.communicate(timeout=120)
            assert process.returncode == 0, said

    @property
    def study(self) -> tuple[str, ...]:
        """What every command on the study says of it and of the places."""
        place = f"--runs-dir={self.shared / 'runs'}"
        return str(self.shared / "sample.yaml"), place, f"--tracking-uri={TRACKING}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    disks, shared = tmp_path_factory.mktemp("disks"), tmp_path_factory.mktemp("shared")
    (shared / "sample.yaml").write_text(STUDY)
    with (
        pytest.MonkeyPatch.context() as patch,
        hosts(("head", *WORKERS, "stranger"), disks, shared) as there,
    ):
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        cluster = Cluster(there, shared)
        cluster.start()
        yield cluster


def digests(runs: Path) -> dict[str, str]:
    store = Store(StudyFolder.of(runs, "sample").store)
    return {one.run_id: one.digest for one in store.manifests()}


ALONE = """
import sys
from pathlib import Path
from sweeps.launch import run_study
from sweeps.study.study import load_study
study = load_study("sample.yaml", sys.argv[1:])
sys.exit(run_study(study, runs_dir=Path("runs"), executor="inline"))
"""


@pytest.fixture
def quiet(tmp_path: Path) -> dict[str, str]:
    """What the same study gives in one process, which is none of pytest's: shapes cost time."""
    (tmp_path / "sample.yaml").write_text(STUDY)
    subprocess.run(
        [sys.executable, "-c", ALONE, *OVERRIDES],
        cwd=tmp_path,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return digests(tmp_path / "runs")


def test_the_doctor_looks_at_every_node(cluster: Cluster) -> None:
    said = cluster.head.run("pinn-sweep", "doctor", *cluster.study, "--address", cluster.address)
    for host in (cluster.head, *cluster.workers):
        assert f"ok   {host.address} versions: as here" in said
        assert f"ok   {host.address} GPUs: 0 of Ray, 0 seen by torch" in said
        assert f"ok   {host.address} clock: " in said
        assert f"ok   {host.address} storage: {cluster.shared / 'runs'} is shared" in said
    assert "ok   room for packs of sample: 3 at a time on 3 nodes" in said
    assert not (cluster.shared / "runs").exists()


def test_a_folder_of_the_driver_alone_is_refused(cluster: Cluster) -> None:
    words = (cluster.study[0], "--runs-dir=/tmp/runs", "--address", cluster.address)
    code, said = cluster.head.ask("pinn-sweep", "run", *words)
    assert code == 2
    assert "does not share /tmp/runs/sample/store: what the driver writes there is not seen" in said
    assert cluster.head.ask("ls", "/tmp/runs")[0] != 0
    code, said = cluster.head.ask("pinn-sweep", "doctor", *words, "--json")
    assert code == 2
    bad = [check["name"] for check in json.loads(said) if not check["ok"]]
    assert bad == [f"{worker.address} storage" for worker in cluster.workers]


def test_what_no_node_has_is_refused(cluster: Cluster) -> None:
    words = (*cluster.study, "resources.gpus=1", "--address", cluster.address)
    code, said = cluster.head.ask("pinn-sweep", "run", *words)
    assert code == 2
    assert f"{cluster.workers[0].address}: 1 CPUs, 0 GPUs" in said
    assert not (cluster.shared / "runs").exists()


@pytest.mark.parametrize("token", ["", secrets.token_hex(32)])
def test_without_the_token_there_is_no_cluster(cluster: Cluster, token: str) -> None:
    words = (*cluster.study, "--address", cluster.address)
    code, said = cluster.head.ask("pinn-sweep", "run", *words, RAY_AUTH_TOKEN=token)
    assert code == 2, said
    assert f"no Ray cluster at '{cluster.address}'" in said
    assert "token" in said


def test_a_machine_outside_the_cluster_is_told_so(cluster: Cluster) -> None:
    words = (*cluster.study, "--address", cluster.address)
    code, said = cluster.stranger.ask("pinn-sweep", "run", *words)
    assert code == 2, said
    assert "is not a node of the cluster" in said


def test_a_study_outlives_its_hosts(cluster: Cluster, quiet: dict[str, str]) -> None:
    cut_off, killed, _ = cluster.workers
    driver = cluster.head.start(
        "pinn-sweep", "run", *cluster.study, *OVERRIDES, "--address", cluster.address
    )
    notes = cluster.shared / "runs" / "sample" / "progress"
    while driver.poll() is None and len(list(notes.glob("*"))) < len(cluster.workers):
        time.sleep(0.1)  # until each of them is in the middle of a pack
    cut_off.cut_off()
    killed.kill()
    said, _ = driver.communicate()
    assert driver.returncode == 0, said
    assert "lost, retry 1" in said
    assert digests(cluster.shared / "runs") == quiet
    assert "all is well" in cluster.head.run("pinn-sweep", "verify", *cluster.study)
