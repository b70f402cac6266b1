"""A pack in the middle of its training, as one safetensors file with a JSON header."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpointing:
    """Where a pack's checkpoint lives and how many steps lie between two of them."""

    directory: Path
    every: int

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every must be >= 1, found {self.every}")

    @property
    def path(self) -> Path:
        """The one file; a new checkpoint replaces the old one in a single rename."""
        return self.directory / FILE

    def save(
        self, identity: Mapping[str, object], step: int, tensors: Mapping[str, Tensor]
    ) -> None:
        """Write beside, then rename: a death in between leaves the old checkpoint whole."""
        self.directory.mkdir(parents=True, exist_ok=True)
        flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        header = {
            "identity": json.dumps(identity, sort_keys=True),
            "step": str(step),
            "digest": _digest(flat),
        }
        beside = self.path.with_suffix(".writing")
        save_file(flat, beside, metadata=header)
        os.replace(beside, self.path)

    def load(self, identity: Mapping[str, object]) -> tuple[int, dict[str, Tensor]] | None:
        """Step and tensors of a checkpoint of just this pack and these versions, else None.

        A file that is damaged, foreign or no safetensors at all is set aside under a new name.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            header, tensors = {}, {}
        sound = header.get("digest") == _digest(tensors)
        if not sound or header.get("identity") != json.dumps(identity, sort_keys=True):
            os.replace(self.path, self.path.with_suffix(".set-aside"))
            return None
        return int(header["step"]), tensors

    def clear(self) -> None:
        """Remove the checkpoint of a finished pack."""
        self.path.unlink(missing_ok=True)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        state.update(name.encode())
        state.update(tensors[name].numpy().tobytes())
    return state.hexdigest()
