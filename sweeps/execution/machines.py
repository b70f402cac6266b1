"""The machines that packs run on: what they have, and the connection to Ray."""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pinn_core.cores import usable_cores
from sweeps.errors import StudyError, quoted
from sweeps.execution.own_ray import (
    keep_screen_and_signals,
    keep_token_private,
    own_ray,
    take_signals_back,
)
from sweeps.study.study import Resources

ANSWERS_WITHIN = 4.0
"""Seconds that a cluster's address has to answer."""

COMING = (
    "; where the cluster starts nodes when they are needed, say with resources.slots how many "
    "packs may run at a time"
)


@dataclass(frozen=True)
class Machine:
    """What one node offers."""

    name: str
    cpus: float
    gpus: float
    memory: int | None = None
    """Bytes; None: not known, as ``gpu_memory``, the smallest GPU's."""
    gpu_memory: int | None = None


def this_machine(*, with_gpus: bool) -> Machine:
    """The cores and memory this process may use and, if asked for, the GPUs that torch sees."""
    from pinn_core.training.memory import memory_of

    gpus, on_gpu = 0, None
    if with_gpus:
        import torch

        gpus = torch.cuda.device_count()
        devices = [torch.cuda.get_device_properties(device) for device in range(gpus)]
        on_gpu = min((each.total_memory for each in devices), default=None)
    memory = memory_of("cpu")
    return Machine("this machine", usable_cores(), gpus, memory.total if memory else None, on_gpu)


def with_room(machines: Sequence[Machine], resources: Resources) -> list[Machine]:
    """The machines on which a pack may run."""
    return [machine for machine in machines if _slots_on(machine, resources)]


def pack_slots(resources: Resources, machines: Sequence[Machine], advice: str = "") -> list[int]:
    """How many packs can run at a time on each machine that has room for any.

    Raises ``StudyError`` with some ``advice`` if none has.
    """
    slots = [count for machine in machines if (count := _slots_on(machine, resources))]
    if slots:
        return slots
    asked = f"{resources.cpus:g} CPUs and {resources.gpus:g} GPUs"
    there = "; ".join(f"{one.name}: {one.cpus:g} CPUs, {one.gpus:g} GPUs" for one in machines)
    raise StudyError(
        f"resources: each pack asks for {asked} on one node, which no node has; "
        f"available are: {there or 'no nodes'}; change resources.cpus or resources.gpus{advice}",
        topic="no-such-node",
    )


def cluster_slots(resources: Resources, machines: Sequence[Machine]) -> list[int]:
    """The same on a cluster; to the nodes that are there come those it starts when needed.

    How many packs those will have room for only ``resources.slots`` says. Raises ``StudyError`` if
    it does not and no node that is there has room.
    """
    if not resources.slots:
        return pack_slots(resources, machines, COMING)
    there = [_slots_on(machine, resources) for machine in machines]
    coming = max(0, resources.slots - sum(there))
    return [count for count in there if count] + [1] * coming


@contextmanager
def ray_connected(address: str | None, machine: Machine) -> Iterator[None]:
    """A Ray of our own on this machine or, with an address, the cluster there.

    Raises ``StudyError`` if no cluster answers at the address, or our own does not start.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    keep_token_private()
    with own_ray(int(machine.cpus), int(machine.gpus)) if address is None else _joined(address):
        take_signals_back()
        yield


@contextmanager
def _joined(address: str) -> Iterator[None]:
    keep_screen_and_signals()
    import ray

    try:
        _join_ray(address)
        yield
    finally:
        ray.shutdown()


def _join_ray(address: str) -> None:
    import ray

    _check_answers(address)
    _check_is_node(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # Ray raises many kinds of errors
        ray.shutdown()
        reason = str(error).strip().partition("\n")[0]
        raise StudyError(f"no Ray cluster at {quoted(address)}: {reason}") from error


def cluster_machines() -> list[Machine]:
    """The nodes of the connected cluster that are alive."""
    import ray

    return [
        Machine(
            node["NodeManagerAddress"],
            node["Resources"].get("CPU", 0.0),
            node["Resources"].get("GPU", 0.0),
            int(node["Resources"].get("memory", 0)) or None,
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]


def _check_answers(address: str) -> None:
    """Check that a program listens at the address: Ray itself would try for minutes."""
    if address.startswith("ray://"):
        raise StudyError(
            f"{quoted(address)} is for Ray's client, which cannot carry studies: run the command "
            "on a node of the cluster with --address HEAD:6379, or through `ray job submit`"
        )
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # "auto" and the like: Ray knows where to look
    try:
        socket.create_connection((host, int(port)), ANSWERS_WITHIN).close()
    except OSError as error:
        raise StudyError(
            f"no Ray cluster at {quoted(address)}: {error.strerror or error}"
        ) from None


def _check_is_node(address: str) -> None:
    """Check that Ray starts here: where it does not, its start would hang."""
    from ray._private.services import find_node_ids

    if not find_node_ids():  # type: ignore[no-untyped-call]
        raise StudyError(
            f"this machine is not a node of the cluster at {quoted(address)}: run the command on "
            f"one that is, or make it one that runs no trial: ray start --address={address} "
            "--num-cpus=0 --num-gpus=0"
        )


def _slots_on(machine: Machine, resources: Resources) -> int:
    by_cpus = math.floor(machine.cpus / resources.cpus + 1e-9)
    if not resources.gpus:
        return by_cpus
    return min(by_cpus, math.floor(1 / resources.gpus + 1e-9) * int(machine.gpus))
