"""A pack in the middle of its training, as one safetensors file with a JSON header."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from pinn_core.records.parameters import notes_of

FILE = "checkpoint.safetensors"
Due = Callable[[int], bool]
"""Whether a checkpoint is due after so many steps."""


@runtime_checkable
class CheckpointStore(Protocol):
    """Where one checkpoint is kept."""

    def get(self) -> bytes | None:
        """What was put there last, if anything."""

    def put(self, content: bytes) -> None:
        """Replace what is there: a death in between leaves the old content whole."""

    def set_aside(self) -> None:
        """Keep what is there for who wants to look at it, and have nothing."""

    def clear(self) -> None:
        """Have nothing."""


@dataclass(frozen=True)
class Folder:
    """A checkpoint store in a local directory, which is made when it is needed."""

    directory: Path

    @property
    def file(self) -> Path:
        """The one file."""
        return self.directory / FILE

    def get(self) -> bytes | None:
        """What was put there last, if anything."""
        return self.file.read_bytes() if self.file.exists() else None

    def put(self, content: bytes) -> None:
        """Write beside, then rename."""
        self.directory.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_suffix(".writing")
        beside.write_bytes(content)
        os.replace(beside, self.file)

    def set_aside(self) -> None:
        """Rename the file."""
        os.replace(self.file, self.file.with_suffix(".set-aside"))

    def clear(self) -> None:
        """Remove the file."""
        self.file.unlink(missing_ok=True)


def every_steps(steps: int) -> Due:
    """Due after every so many steps."""
    if steps < 1:
        raise ValueError(f"steps must be >= 1, found {steps}")
    return lambda step: step % steps == 0


def every_seconds(seconds: float, clock: Callable[[], float] = time.monotonic) -> Due:
    """Due when so many seconds have passed since the start or since it was due last."""
    last = clock()

    def due(_: int) -> bool:
        nonlocal last
        now = clock()
        if now - last < seconds:
            return False
        last = now
        return True

    return due


@dataclass(frozen=True)
class Checkpointing:
    """Where a pack's checkpoint is kept, and when a new one replaces it."""

    store: CheckpointStore
    due: Due

    def save(
        self, identity: Mapping[str, object], step: int, tensors: Mapping[str, Tensor]
    ) -> None:
        """Keep the tensors as they are after so many steps."""
        flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        header = {"identity": json.dumps(identity, sort_keys=True), "step": str(step)}
        self.store.put(save(flat, {**header, "digest": _digest(header, flat)}))

    def load(self, identity: Mapping[str, object]) -> dict[str, Tensor] | None:
        """The tensors of a checkpoint of just this pack and these versions, else None.

        What is damaged, foreign or no safetensors at all is set aside.
        """
        content = self.store.get()
        if content is None:
            return None
        try:
            header, tensors = notes_of(content), load(content)
            sound = header.pop("digest", None) == _digest(header, tensors)
        except (SafetensorError, ValueError, KeyError):
            header, tensors, sound = {}, {}, False
        if not sound or header["identity"] != json.dumps(identity, sort_keys=True):
            self.store.set_aside()
            return None
        return tensors

    def clear(self) -> None:
        """Remove the checkpoint of a pack whose results are safe."""
        self.store.clear()


def step_of(content: bytes) -> int:
    """After how many steps a checkpoint was written."""
    return int(notes_of(content)["step"])


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    state = hashlib.blake2b(digest_size=16)
    state.update(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        state.update(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}".encode())
        state.update(tensors[name].numpy().tobytes())
    return state.hexdigest()
