"""Clusters whose workers come when there is work for them: asking for the first, waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from sweeps.errors import StudyError
from sweeps.execution.machines import Machine, cluster_machines, pack_slots
from sweeps.study.study import Resources

NODE_GROUP = "ray.io/node-group"
"""Label of every node of a cluster that Ray's launcher or KubeRay makes larger and smaller."""

FIRST_WORKER_WITHIN = 1800.0
"""Seconds that a cloud has to give the first worker, and the worker to install what it needs."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the cluster."""


def machines_for(resources: Resources, say: Callable[[str], None]) -> list[Machine]:
    """The nodes of the connected cluster, as soon as one has room for a pack.

    Waits for the first worker where workers come on demand; Tune's trials call the others. Where
    none has room and none will, it returns the nodes there are, for ``pack_slots`` to say what
    lacks. Raises ``StudyError`` if a worker that could come does not come in time.
    """
    machines = cluster_machines()
    if has_room(resources, machines) or not _grows():
        return machines
    from ray.autoscaler.sdk import request_resources

    say("no worker is there yet: asking for one, which takes minutes")
    request_resources(bundles=[{"CPU": resources.cpus, "GPU": resources.gpus}])
    try:
        deadline = time.monotonic() + FIRST_WORKER_WITHIN
        while not has_room(resources, machines) and not _refused():
            if time.monotonic() > deadline:
                raise StudyError(f"no worker came within {FIRST_WORKER_WITHIN:g} s; see ray status")
            time.sleep(LOOK_EVERY)
            machines = cluster_machines()
    finally:
        request_resources(bundles=[])  # a standing request would keep a worker, and cost, for ever
    return machines


def has_room(resources: Resources, machines: list[Machine]) -> bool:
    """Whether any of the machines can train a pack."""
    try:
        return bool(pack_slots(resources, machines))
    except StudyError:
        return False


def _grows() -> bool:
    """Whether somebody starts workers for this cluster."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return any(node["Alive"] and NODE_GROUP in node.get("Labels", {}) for node in nodes)


def _refused() -> bool:
    """Whether Ray's autoscaler knows no kind of worker that could do what was asked."""
    import ray
    from ray._raylet import GcsClient
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

    address = ray.get_runtime_context().gcs_address
    status = GetClusterStatusReply.FromString(GcsClient(address).get_cluster_status())
    return bool(status.autoscaling_state.infeasible_cluster_resource_constraints)
