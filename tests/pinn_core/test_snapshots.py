"""The parameters that a training leaves: of which steps, and the same bits whatever happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from pinn_core import Configuration, Member, Trajectory, train
from pinn_core.configuration import run_id
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.footprint import member_needs
from pinn_core.training.pruning import Pruning
from pinn_core.training.snapshots import snapshot_bytes
from tests.pinn_core.packs import configuration, members

RATES = [1e-3, 3e-3, 1e-2]


def leaving(parameters: Any, **parts: Any) -> Configuration:
    small = configuration(steps=10, **parts)
    return replace(small, record=replace(small.record, parameters=parameters))


def left(trajectory: Trajectory) -> dict[int, bytes]:
    return {step: one.tobytes() for step, one in trajectory.parameters.items()}


def test_the_last_parameters_stay_in_the_precision_of_the_training() -> None:
    (single,) = train([Member(leaving("final"), 0)])
    (double,) = train([Member(leaving("final", precision="float64"), 0)])
    size = leaving("final").stack().size
    assert [(list(one.parameters), one.parameters[10].shape) for one in (single, double)] == [
        ([10], (size,)),
        ([10], (size,)),
    ]
    assert single.parameters[10].dtype == np.float32
    assert double.parameters[10].dtype == np.float64


def test_every_so_many_steps_stay_and_the_last() -> None:
    (trajectory,) = train([Member(leaving(4), 0)])
    assert list(trajectory.parameters) == [0, 4, 8, 10]
    for step, parameters in trajectory.parameters.items():
        distance = np.linalg.norm(parameters.astype(float) - trajectory.parameters[0])
        recorded = trajectory.table["update/distance"][step].as_py()
        assert distance == pytest.approx(recorded, rel=1e-6)


def test_what_stays_changes_neither_the_numbers_nor_the_name() -> None:
    asked = [leaving("none"), leaving("final"), leaving(1)]
    trajectories = [train([Member(one, 0)])[0] for one in asked]
    assert [len(one.parameters) for one in trajectories] == [0, 1, 11]
    assert len({one.digest() for one in trajectories}) == 1
    assert len({run_id(one, 0, rule) for one in asked for rule in (1, 2)}) == 2, "one for each rule"


def test_a_pack_leaves_what_its_members_leave_alone() -> None:
    together = train(members(leaving(3), RATES))
    alone = [train([one])[0] for one in members(leaving(3), RATES)]
    assert [left(one) for one in together] == [left(one) for one in alone]


def test_a_run_that_diverges_leaves_what_was_sound() -> None:
    wild = members(leaving(1), [1e30])
    (trajectory,) = train(wild)
    assert trajectory.diverged_at is not None
    assert list(trajectory.parameters) == list(range(trajectory.diverged_at))
    (trajectory,) = train(members(leaving("final"), [1e30]))
    assert trajectory.parameters == {}


@pytest.mark.parametrize("asked", ["final", 2])
def test_a_run_that_stops_early_leaves_the_parameters_of_its_last_row(
    asked: Any, tmp_path: Path
) -> None:
    def stops(step: int, values: ndarray, left: Sequence[int]) -> list[int]:
        return {3: [1], 6: [0]}[step]

    pruning = Pruning("loss/regression", (3, 6), stops)
    whole = train(members(leaving(1), RATES))
    cut = train(members(leaving(asked), RATES), pruning=pruning)
    steps = {"final": [[6], [3], [10]], 2: [[0, 2, 4, 6], [0, 2, 3], [0, 2, 4, 6, 8, 10]]}
    assert [list(one.parameters) for one in cut] == steps[asked]
    for stopped, all_steps in zip(cut, whole, strict=True):
        assert left(stopped).items() <= left(all_steps).items()

    # a death after the first has stopped: what it left is in the checkpoint
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(5))
    train(
        members(leaving(asked), RATES), pruning=pruning, checkpointing=checkpointing, stop_after=5
    )
    resumed = train(members(leaving(asked), RATES), pruning=pruning, checkpointing=checkpointing)
    assert [left(one) for one in resumed] == [left(one) for one in cut]


def test_a_checkpoint_is_not_taken_where_other_parameters_were_to_stay(tmp_path: Path) -> None:
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(5))
    train(members(leaving("final"), RATES), checkpointing=checkpointing, stop_after=5)
    resumed = train(members(leaving(2), RATES), checkpointing=checkpointing)
    assert [left(one) for one in resumed] == [
        left(one) for one in train(members(leaving(2), RATES))
    ]
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".safetensors", ".set-aside"]


def test_sizes_are_known_before() -> None:
    size = leaving("final").stack().size
    assert [snapshot_bytes(leaving(one)) for one in ("none", "final", 4)] == [
        0,
        4 * size,
        16 * size,
    ]
    assert member_needs(leaving(4))["snapshots"] == 12 * size
    assert member_needs(leaving("final"))["snapshots"] == 0


@pytest.mark.parametrize("wrong", [0, -3])
def test_less_than_every_step_is_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="parameters must be >= 1"):
        leaving(wrong)
