from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pinn_core import Checkpointing, train
from tests.pinn_core.packs import configuration, members

PACK = members(configuration(batch=20), [1e-3, 3e-3])


class Stop(Exception):
    pass


def interrupted(at: int, checkpointing: Checkpointing) -> None:
    def progress(step: int, _: int) -> None:
        if step == at:
            raise Stop

    with pytest.raises(Stop):
        train(PACK, checkpointing=checkpointing, progress=progress)


def resumed_from(checkpointing: Checkpointing) -> tuple[int, list[str]]:
    """First step of a second attempt, and its digests."""
    steps: list[int] = []
    found = train(PACK, checkpointing=checkpointing, progress=lambda step, _: steps.append(step))
    return steps[0] - 1, [trajectory.digest() for trajectory in found]


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    checkpointing = Checkpointing(tmp_path, every=5)
    interrupted(8, checkpointing)
    undisturbed = [trajectory.digest() for trajectory in train(PACK)]
    assert resumed_from(checkpointing) == (5, undisturbed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["flip", "truncate", "pickle"])
def test_a_damaged_checkpoint_is_set_aside_and_never_used(tmp_path: Path, damage: str) -> None:
    checkpointing = Checkpointing(tmp_path, every=5)
    interrupted(8, checkpointing)
    raw = bytearray(checkpointing.path.read_bytes())
    if damage == "flip":
        raw[-7] ^= 16
    content = {"truncate": bytes(raw[:-40]), "flip": bytes(raw), "pickle": pickle.dumps({"a": 1})}
    checkpointing.path.write_bytes(content[damage])
    undisturbed = [trajectory.digest() for trajectory in train(PACK)]
    assert resumed_from(checkpointing) == (0, undisturbed)
    assert [file.suffix for file in tmp_path.iterdir()] == [".set-aside"]


def test_another_packs_checkpoint_is_not_taken(tmp_path: Path) -> None:
    checkpointing = Checkpointing(tmp_path, every=5)
    interrupted(8, checkpointing)
    others = members(configuration(batch=20), [1e-3, 4e-3])
    steps: list[int] = []
    train(others, checkpointing=checkpointing, progress=lambda step, _: steps.append(step))
    assert steps[0] == 1
