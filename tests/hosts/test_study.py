"""A study on a Ray cluster of several hosts, as a person starts it, and what may happen to them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.cluster import TRACKING, Cluster, digests, digests_alone, started
from tests.hosts.network import ROOT, needs_hosts
from tests.wheel.test_own_methods import SMALL

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(1800), needs_hosts]

OVERRIDES = ("base.phases.0.steps=300", "rerun.seeds=3", "resources.pack=1")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(tmp_path_factory.mktemp("hosts")) as cluster:
        yield cluster


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
    bad = {check["name"] for check in json.loads(said) if not check["ok"]}
    assert bad == {f"{worker.address} storage" for worker in cluster.workers}


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


def test_a_study_outlives_its_hosts(cluster: Cluster, tmp_path: Path) -> None:
    quiet = digests_alone(tmp_path, OVERRIDES)
    cut_off, killed, _ = cluster.workers
    cluster.hold(*cluster.workers)
    with cluster.head.running(
        "pinn-sweep", "run", *cluster.study, *OVERRIDES, "--address", cluster.address
    ) as driver:
        cluster.wait_until_held(driver, *cluster.workers)
        cut_off.cut_off()
        killed.kill()
        cluster.release(*cluster.workers)
        said, _ = driver.communicate()
    assert driver.returncode == 0, said
    assert "lost, retry 1" in said
    assert digests(cluster.shared / "runs") == quiet
    assert "all is well" in cluster.head.run("pinn-sweep", "verify", *cluster.study)


def test_methods_of_ones_own_travel_to_the_workers(cluster: Cluster) -> None:
    own = "/tmp/own"  # on the head's own disk: no worker sees it
    cluster.head.run("cp", "-r", ROOT / "examples" / "own_methods", own)
    words = (f"{own}/fisher.yaml", *SMALL, "resources.pack=1")
    places = (f"--runs-dir={cluster.shared / 'runs'}", f"--tracking-uri={TRACKING}")
    cluster.head.run("pinn-sweep", "run", *words, *places, "--address", cluster.address)
    said = cluster.head.run("pinn-sweep", "verify", f"{own}/fisher.yaml", *places)
    assert "12 runs replayed to the bit" in said
