"""The file of a run's parameters: safetensors, one flat tensor for each step that is kept."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pinn_core.records.trajectory import TrajectoryError

PREFIX = "parameters/"
"""Of the tensors' names, before the step that they belong to."""


def encoded(parameters: Mapping[int, np.ndarray], run_id: str) -> bytes:
    """Parameters (P,) by step as the bytes of a file; the same parameters give the same bytes."""
    tensors = {f"{PREFIX}{step}": np.ascontiguousarray(one) for step, one in parameters.items()}
    return bytes(save(tensors, {"run_id": run_id}))


def voucher(content: bytes, steps: Iterable[int]) -> dict[str, Any]:
    """What a manifest says of a file that holds these steps (``Manifest.parameters``)."""
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "steps": sorted(map(int, steps)),
    }


def check_vouched(content: bytes, vouched: Mapping[str, Any], name: str) -> None:
    """Raise ``TrajectoryError`` unless the bytes are those that the manifest vouches for."""
    if hashlib.sha256(content).hexdigest() != vouched["sha256"]:
        raise TrajectoryError(
            f"{name}: damaged: {len(content)} bytes whose sha256 is not the one committed"
            f" ({vouched['bytes']} bytes)"
        )


def decoded(content: bytes, run_id: str, name: str) -> dict[int, np.ndarray]:
    """Parameters (P,) by step, ascending; raises ``TrajectoryError`` naming the file ``name``."""
    try:
        tensors = load(content)
        owner = notes_of(content).get("run_id")
        found = {int(key.removeprefix(PREFIX)): one for key, one in tensors.items()}
    except (SafetensorError, ValueError, KeyError) as error:
        raise TrajectoryError(f"{name}: not a file of parameters: {error}") from None
    if owner != run_id:
        raise TrajectoryError(f"{name}: holds the parameters of another run, {owner}")
    return dict(sorted(found.items()))


def notes_of(content: bytes) -> dict[str, str]:
    """The notes in a safetensors file, which starts with the length of its JSON header.

    Raises ``ValueError`` or ``KeyError`` where there are none.
    """
    length = int.from_bytes(content[:8], "little")
    return dict(json.loads(content[8 : 8 + length])["__metadata__"])
