"""What the nodes of a cluster report of themselves, before packs are sent to them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweeps.errors import StudyError
from sweeps.execution.software import differences, installed
from sweeps.store.shared_storage import SharedStorageProbe, meeting

ANSWER_WITHIN = 120.0
"""Seconds for all nodes: a worker starts and imports torch, on a busy machine."""


@dataclass(frozen=True)
class Node:
    """A node's answer; ``problem`` says why there is none, ``storage`` what is wrong with it."""

    address: str
    problem: str = ""
    software: Mapping[str, str] = field(default_factory=dict)
    cpus: float = 0.0
    gpus: float = 0.0
    """GPUs that Ray hands out there."""
    torch_gpus: int | None = None
    """GPUs that torch sees there, where that was asked for."""
    ahead: float = 0.0
    """Seconds by which its clock is ahead of the driver's."""
    storage: str = ""


def ask_nodes(root: str, *, gpus: bool = False) -> list[Node]:
    """What every node of the connected cluster says; ``root`` is where they should all write.

    ``gpus`` has torch count them. Raises ``StudyError`` if the driver cannot write at ``root``.
    """
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    probe = meeting(root)
    try:
        with probe.held():
            return list(_answers(alive, probe, gpus))
    except OSError as error:
        raise StudyError(f"{root} cannot be written: {error.strerror or error}") from error


def refuse_strangers(nodes: Sequence[Node], root: str) -> None:
    """Raise ``StudyError`` if a node has other software or does not share the store."""
    for node in nodes:
        if node.problem:
            raise StudyError(f"node {node.address}: {node.problem}")
        if other := differences(node.software, installed()):
            raise StudyError(
                f"node {node.address} has {other}; install the driver's versions on every node, "
                "or take the node out of the cluster"
            )
        if node.storage:
            raise StudyError(
                f"node {node.address} does not share {root}: {node.storage}; it has to be an "
                "object store (--store) or a folder that every node mounts at the same place"
            )


def _answers(
    alive: Sequence[dict[str, Any]], probe: SharedStorageProbe, gpus: bool
) -> Iterator[Node]:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(num_cpus=0, max_retries=0)(_look)
    asked = {}
    for node in alive:
        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked[task.options(scheduling_strategy=here).remote(probe, node["NodeID"], gpus)] = node
    waiting, deadline = list(asked), time.monotonic() + ANSWER_WITHIN
    while waiting:
        ready, waiting = ray.wait(waiting, timeout=max(0.0, deadline - time.monotonic()))
        for answer in ready:
            yield _node(asked[answer], probe, answer)
        if not ready:
            break
    for answer in waiting:
        ray.cancel(answer, force=True)
        yield Node(_address(asked[answer]), f"no answer within {ANSWER_WITHIN:g} s")


def _node(about: dict[str, Any], probe: SharedStorageProbe, answer: Any) -> Node:  # noqa: ANN401
    import ray

    now = time.time()
    try:
        said = ray.get(answer)
    except ray.exceptions.RayError as error:
        return Node(_address(about), _reason(error))
    unheard = "" if probe.heard(about["NodeID"]) else "what it writes there is not seen from here"
    return Node(
        address=_address(about),
        software=said["software"],
        cpus=about["Resources"].get("CPU", 0.0),
        gpus=about["Resources"].get("GPU", 0.0),
        torch_gpus=said["gpus"],
        ahead=said["time"] - now,
        storage=said["storage"] or unheard,
    )


def _look(probe: SharedStorageProbe, name: str, gpus: bool) -> dict[str, Any]:
    """On the node."""
    count = _visible_gpus() if gpus else None
    storage = probe.answer(name)
    return {"software": dict(installed()), "gpus": count, "storage": storage, "time": time.time()}


def _visible_gpus() -> int:
    """The GPUs that torch sees, were they not hidden by Ray from a task that asks for none."""
    import torch

    hidden = os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    try:
        return torch.cuda.device_count()
    finally:
        if hidden is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = hidden


def _address(about: dict[str, Any]) -> str:
    return str(about["NodeManagerAddress"])


def _reason(error: Exception) -> str:
    """One line; Ray's own has the traceback before it."""
    if "No module named" in str(error):
        return "pinn-sweeps is not installed there, or not in the Python that runs Ray"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
