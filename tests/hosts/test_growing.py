"""A cluster without workers at first, which Ray's own autoscaler makes as large as is asked."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

from tests.hosts.network import Host, hosts, needs_hosts
from tests.sweeps.samples import STUDY

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900), needs_hosts]

HEAD = "ray.head.default"
"""The kind of the node that the fake takes for the head."""
EMPTY_LISTS = (
    *("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"),
    *("head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files"),
    *("rsync_exclude", "rsync_filter"),
)
CLUSTER = {
    "cluster_name": "growing",
    "max_workers": 1,
    "provider": {
        "type": "external",  # of Ray's "fake_multinode", its packages lack a file
        "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
        "use_node_id_as_ip": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
        "launch_multiple": True,
        "head_node_id": FAKE_HEAD_NODE_ID,
    },
    "available_node_types": {
        HEAD: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "worker": {
            "resources": {"CPU": 1},
            "node_config": {},
            "min_workers": 0,
            "max_workers": 1,
        },
    },
    "head_node_type": HEAD,
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 1,
    "auth": {},
    "docker": {},
    "file_mounts": {},
    "file_mounts_sync_continuously": False,
    **{name: [] for name in EMPTY_LISTS},
}
OF_THE_FAKE = {
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    "RAY_NODE_TYPE_NAME": HEAD,
}


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "sample.yaml").write_text(STUDY)
    (shared / "cluster.json").write_text(json.dumps(CLUSTER))
    with hosts(("head",), tmp_path / "disks", shared) as there:
        monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        head = there["head"]
        head.run(
            *("ray", "start", "--head", "--port=6379", "--num-cpus=0"),
            *("--include-dashboard=false", f"--node-ip-address={head.address}"),
            f"--autoscaling-config={shared / 'cluster.json'}",
            **OF_THE_FAKE,
        )
        yield head


def test_the_first_worker_comes_when_packs_wait(head: Host, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    words = (str(shared / "sample.yaml"), f"--runs-dir={shared / 'runs'}")
    words = (*words, f"--address={head.address}:6379")
    code, said = head.ask("pinn-sweep", "run", *words)
    assert code == 2
    assert "no node has" in said
    assert "resources.slots" in said
    assert not (shared / "runs").exists()

    said = head.run("pinn-sweep", "run", *words, "resources.slots=1", "rerun.seeds=1", seconds=500)
    assert said.splitlines()[-1].startswith("next:")
