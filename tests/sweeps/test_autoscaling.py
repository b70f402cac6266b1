"""A cluster of no workers at first, scaled by Ray's own autoscaler: in a process namespace of its
own, so that nothing else on this machine is seen or ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sweeps.execution.autoscaling import has_room
from sweeps.execution.machines import Machine
from sweeps.study.study import Resources

SCRIPT = """
import json, os, subprocess, tempfile
import ray
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID
from sweeps.errors import StudyError
from sweeps.execution.autoscaling import machines_for
from sweeps.execution.machines import pack_slots
from sweeps.study.study import Resources

kinds = {
    "head": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
    "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 1},
}
provider = {
    "type": "external",  # of Ray's "fake_multinode", its packages lack a file
    "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
    "use_node_id_as_ip": True,
    "disable_node_updaters": True,
    "disable_launch_config_check": True,
    "launch_multiple": True,
    "head_node_id": FAKE_HEAD_NODE_ID,
}
config = {
    "cluster_name": "fake",
    "max_workers": 1,
    "provider": provider,
    "available_node_types": kinds,
    "head_node_type": "head",
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 1,
    "auth": {},
    "docker": {},
    "initialization_commands": [],
    "setup_commands": [],
    "head_setup_commands": [],
    "worker_setup_commands": [],
    "head_start_ray_commands": [],
    "worker_start_ray_commands": [],
    "file_mounts": {},
    "cluster_synced_files": [],
    "file_mounts_sync_continuously": False,
    "rsync_exclude": [],
    "rsync_filter": [],
}
with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
    json.dump(config, file)
os.environ |= {
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    "RAY_NODE_TYPE_NAME": "head",
    "RAY_USAGE_STATS_ENABLED": "0",
}
start = ["ray", "start", "--head", "--port=0", "--num-cpus=0", f"--autoscaling-config={file.name}"]
subprocess.run(start, check=True)
ray.init("auto")
for cpus in (64, 1):
    said = []
    machines = machines_for(Resources(cpus=cpus), said.append)
    try:
        print("RESULT", cpus, sum(pack_slots(Resources(cpus=cpus), machines)), len(said))
    except StudyError as error:
        print("RESULT", cpus, "refused", len(said))
"""


def test_a_head_alone_has_no_room() -> None:
    assert not has_room(Resources(cpus=1), [Machine("head", 0, 0)])
    assert has_room(Resources(cpus=1), [Machine("head", 0, 0), Machine("worker", 1, 0)])


@pytest.mark.slow
@pytest.mark.hosts
def test_the_first_worker_is_called_and_what_no_worker_can_do_is_refused() -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="as-") as folder:
        bin_ = Path(sys.executable).parent
        environment = {**os.environ, "RAY_TMPDIR": folder, "PATH": f"{bin_}:{os.environ['PATH']}"}
        own = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        ended = subprocess.run(
            [*own, sys.executable, "-c", SCRIPT],
            env=environment | {"RAY_AUTH_MODE": "disabled"},
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
    results = [line for line in ended.stdout.splitlines() if line.startswith("RESULT")]
    assert results == ["RESULT 64 refused 1", "RESULT 1 1 1"], ended.stdout + ended.stderr
