from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pinn_core import Checkpointing, train
from pinn_core.training.checkpoint import Folder, every_seconds, every_steps
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
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(5))
    interrupted(8, checkpointing)
    undisturbed = [trajectory.digest() for trajectory in train(PACK)]
    assert resumed_from(checkpointing) == (5, undisturbed)
    checkpointing.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["flip", "step", "truncate", "pickle"])
def test_a_damaged_checkpoint_is_set_aside_and_never_used(tmp_path: Path, damage: str) -> None:
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(5))
    interrupted(8, checkpointing)
    file = Folder(tmp_path).file
    whole = file.read_bytes()
    content = {
        "truncate": whole[:-40],
        "flip": whole[:-7] + bytes([whole[-7] ^ 16]) + whole[-6:],
        "step": whole.replace(b'"step":"5"', b'"step":"4"'),
        "pickle": pickle.dumps({"a": 1}),
    }
    assert content[damage] != whole
    file.write_bytes(content[damage])
    undisturbed = [trajectory.digest() for trajectory in train(PACK)]
    assert resumed_from(checkpointing) == (0, undisturbed)
    checkpointing.clear()
    assert [file.suffix for file in tmp_path.iterdir()] == [".set-aside"]


def test_another_packs_checkpoint_is_not_taken(tmp_path: Path) -> None:
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(5))
    interrupted(8, checkpointing)
    others = members(configuration(batch=20), [1e-3, 4e-3])
    steps: list[int] = []
    train(others, checkpointing=checkpointing, progress=lambda step, _: steps.append(step))
    assert steps[0] == 1


def test_checkpoints_by_time_do_not_depend_on_how_long_steps_take() -> None:
    times = iter([0.0, 1.0, 2.0, 5.0, 6.0, 9.9, 10.0, 30.0])
    due = every_seconds(5.0, clock=lambda: next(times))
    assert [step for step in range(1, 8) if due(step)] == [3, 6, 7]


def test_a_checkpoint_of_another_version_is_not_taken(tmp_path: Path) -> None:
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(5))
    interrupted(8, checkpointing)
    raw = Folder(tmp_path).file.read_bytes()
    identity = {"runs": [], "environment": {"torch": "1.0"}}
    assert checkpointing.load(identity) is None
    assert Folder(tmp_path).file.with_suffix(".set-aside").read_bytes() == raw
