"""A trainer that notes where its pack runs and which GPUs it may use, and waits for the others."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import ray
import torch

from benchmarks import recorded
from pinn_core.configuration import run_id
from pinn_core.records.trajectory import Trajectory
from pinn_core.training.trainer import Member

NOTES, TOGETHER = "PLACING_NOTES", "PLACING_TOGETHER"
"""Variables of a worker: the folder of the notes, and how many packs must train at a time."""

torch.cuda.get_device_name = lambda *_: "declared, but not there"  # a manifest names the card


def train(members: Sequence[Member], **options: object) -> list[Trajectory]:
    """Note the place, wait until so many packs were together once, and return what is recorded."""
    folder, together = Path(os.environ[NOTES]), int(os.environ[TOGETHER])
    name = run_id(members[0].configuration, members[0].seed)
    note = {
        "host": ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]
        "devices": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        "device": options["device"],
        "began": time.time(),
    }
    (folder / f"{name}.part").write_text(json.dumps(note))
    (folder / f"{name}.part").rename(folder / f"{name}.begun")
    while len(list(folder.glob("*.begun"))) < together:
        time.sleep(0.05)
    trajectories = recorded.train(members)
    (folder / f"{name}.ended").write_text(json.dumps(note | {"ended": time.time()}))
    return trajectories
