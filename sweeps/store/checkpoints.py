"""Checkpoints of packs that train for long, in the store, where any worker finds them.

``checkpoints/<name>.safetensors`` is a pack in the middle of its training and
``checkpoints/<name>.json`` the list of its runs, so that packs that are made anew include that one
again. Both are gone when the runs are committed; nothing but time is lost with them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b

from sweeps.store.blob_store import blob_store_at
from sweeps.store.writing import CannotReach, CannotWrite

log = logging.getLogger(__name__)

FOLDER = "checkpoints"


class StoredCheckpoint:
    """The place of the checkpoint of runs that train together (a ``CheckpointStore``)."""

    def __init__(self, root: str, run_ids: Sequence[str]) -> None:
        self._blobs = blob_store_at(root)
        self._runs = json.dumps(list(run_ids))
        name = blake2b(self._runs.encode(), digest_size=8).hexdigest()
        self._tensors, self._list = f"{FOLDER}/{name}.safetensors", f"{FOLDER}/{name}.json"

    def get(self) -> bytes | None:
        """The file's content, if there is one that can be read."""
        with suppress(OSError):
            return self._blobs.read(self._tensors)
        return None

    def put(self, content: bytes) -> None:
        """Replace the file. An unreachable store does not stop the training; a full disk does.

        Raises ``CannotWrite``.
        """
        try:
            if not self._blobs.exists(self._list):
                self._blobs.write(self._list, self._runs.encode())
            self._blobs.write(self._tensors, content)
        except OSError as error:
            if isinstance(error, CannotWrite) and not isinstance(error, CannotReach):
                raise
            log.warning("no checkpoint: %s: %s", self._blobs.where(self._tensors), error)

    def set_aside(self) -> None:
        """Move the file to ``set-aside/``."""
        log.warning("not a checkpoint of this pack: %s", self._blobs.where(self._tensors))
        self._blobs.move(self._tensors, f"set-aside/{self._tensors.rpartition('/')[2]}")

    def clear(self) -> None:
        """Remove both files; one that cannot be removed now is when the study's stages are over."""
        with suppress(OSError):
            self._blobs.remove(self._tensors)
            self._blobs.remove(self._list)


def begun(root: str) -> list[list[str]]:
    """The runs of each pack that has a checkpoint; lists that are damaged do not count."""
    blobs = blob_store_at(root)
    names = blobs.names(FOLDER)
    found = []
    for name in names:
        if name.endswith(".json") and name.replace(".json", ".safetensors") in names:
            with suppress(OSError, ValueError, TypeError):
                found.append([str(one) for one in json.loads(blobs.read(f"{FOLDER}/{name}"))])
    return found


def remove_checkpoints(root: str) -> None:
    """Remove checkpoints of packs that were divided or given up; call it after all stages."""
    blobs = blob_store_at(root)
    for name in blobs.names(FOLDER):
        blobs.remove(f"{FOLDER}/{name}")
