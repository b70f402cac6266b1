"""Whether a cluster can carry out a study: what each of its nodes says about itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from sweeps.checking.doctor import Check, duration, room, size
from sweeps.errors import StudyError
from sweeps.execution.machines import cluster_machines, cluster_slots, ray_connected, this_machine
from sweeps.execution.nodes import Node, ask_nodes
from sweeps.execution.software import differences, installed
from sweeps.store.address import below
from sweeps.study.study import Study

CLOCKS_APART = 2.0
"""Seconds that synchronised clocks may differ, the time of the answer's way included."""


def examine_cluster(address: str, root: str, study: Study | None) -> Iterator[Check]:
    """Look at versions, GPUs, clock and storage of each node, and at the room for packs.

    ``root`` is where all nodes should write.
    """
    name = f"cluster at {address}"
    with ExitStack() as stack:
        try:
            stack.enter_context(ray_connected(address, this_machine(with_gpus=False)))
        except StudyError as error:
            yield Check(name, str(error), False, "is it running, and is this one of its nodes?")
            return
        machines = cluster_machines()
        yield Check(name, f"{len(machines)} nodes", True)
        yield from _nodes(root)
        if study:
            yield room(study, machines, cluster_slots)
            yield size(study, machines, below(root, study.name))
            yield from duration(study, machines, cluster_slots)


def _nodes(root: str) -> Iterator[Check]:
    try:
        nodes = ask_nodes(root, gpus=True)
    except StudyError as error:
        yield Check("storage", str(error), False, "--runs-dir or --store says where else")
        return
    for node in nodes:
        yield from [_failed(node)] if node.problem else _about(node, root)


def _failed(node: Node) -> Check:
    return Check(f"{node.address} answer", node.problem, False, "see its Ray logs in /tmp/ray")


def _about(node: Node, root: str) -> Iterator[Check]:
    other = differences(node.software, installed())
    advice = "install the driver's versions on every node"
    yield Check(f"{node.address} versions", other or "as here", not other, advice)
    gpus = f"{node.gpus:g} of Ray, {node.torch_gpus} seen by torch"
    enough = (node.torch_gpus or 0) >= node.gpus
    yield Check(f"{node.address} GPUs", gpus, enough, "its driver is too old, or torch is for CPUs")
    clock, together = f"{node.ahead:+.1f} s", abs(node.ahead) <= CLOCKS_APART
    yield Check(f"{node.address} clock", clock, together, "synchronise clocks (NTP)")
    shared = "mount the folder at the same place on every node, or use --store"
    found = node.storage or f"{root} is shared"
    yield Check(f"{node.address} storage", found, not node.storage, shared)
