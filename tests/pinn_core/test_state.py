"""The state of a pack: what is in it has its members where it says, and comes back as it was."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Marching, Pinn
from pinn_core.optimizers import LBFGS, Soap
from pinn_core.problems import Convection
from pinn_core.training.pack import Pack
from pinn_core.training.state import State
from pinn_core.weightings import Annealing, SelfAdaptive
from tests.pinn_core.packs import configuration

SEEDS = [3, 4, 5]
EVERYTHING = {"histograms_every": 2, "curvature_every": 4, "kernel_every": 4}
PARTS: dict[str, dict[str, Any]] = {
    "stages": {
        "problem": Convection(points_x=8, points_t=6),
        "phases": (Adam(steps=3),),
        "stages": Marching(windows=2),
    },
    "points' factors": {"weighting": SelfAdaptive(terms="all"), "phases": (Soap(steps=5),)},
    "conflicts": {"weighting": Annealing(period=2), "phases": (LBFGS(steps=5),)},
}


@pytest.fixture(autouse=True)
def _few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinn_core.probes.landscape.CURVATURE_STEPS", 2)
    monkeypatch.setattr("pinn_core.probes.landscape.KERNEL_POINTS", 5)


def stepped(parts: dict[str, Any]) -> Pack:
    """A pack after four updates."""
    small = configuration(width=4, depth=1)
    record = replace(small.record, conflict=True, gradient_points=6, parameters=2, **EVERYTHING)
    chosen = replace(small, **{"objective": Pinn(), "record": record, **parts})
    pack = Pack([chosen] * len(SEEDS), SEEDS, "cpu", 1, "eager")
    with torch.no_grad():
        for step in range(4):
            pack.advance(step)
    return pack


def tensors_of(state: State) -> dict[str, tuple[Tensor, int | None]]:
    """Every tensor by its name, with its axis of members."""
    by_name: dict[str, tuple[Tensor, int | None]] = {}
    for entry in fields(State):
        value = getattr(state, entry.name)
        if "axis" in entry.metadata and value is not None:
            several = value if isinstance(value, dict) else {"": value}
            by_name |= {
                f"{entry.name}/{name}": (tensor, entry.metadata["axis"])
                for name, tensor in several.items()
            }
    return by_name


@pytest.mark.parametrize("name", PARTS)
def test_every_tensor_has_the_members_on_its_axis_and_select_keeps_theirs(name: str) -> None:
    state = stepped(PARTS[name]).state
    selected = state.select([2, 0])
    assert (selected.members, selected.step) == ([2, 0], 4)
    before, after = tensors_of(state), tensors_of(selected)
    assert before.keys() == after.keys()
    for entry, (tensor, axis) in before.items():
        left = after[entry][0]
        if axis is None:
            assert left is tensor
            continue
        assert tensor.shape[axis] == len(SEEDS)
        for row, was in enumerate([2, 0]):
            assert torch.equal(
                left.select(axis, row).nan_to_num(), tensor.select(axis, was).nan_to_num()
            )


@pytest.mark.parametrize("name", PARTS)
def test_a_state_comes_back_as_it_was(name: str) -> None:
    pack = stepped(PARTS[name])
    with torch.no_grad():
        pack.stop([1], 3, pack.state.initial)
    state = pack.state
    again = State.unflatten(state.flatten(), "cpu")
    for entry in ("members", "step", "stage", "phase", "phase_start"):
        assert getattr(again, entry) == getattr(state, entry)
    assert again.ended[1].digest() == state.ended[1].digest()
    assert again.ended[1].pruned_at == 3
    left, read = state.ended[1].parameters, again.ended[1].parameters
    assert list(left) == list(read) == [0, 2, 3]
    assert all(np.array_equal(left[step], read[step]) for step in left)
    before, after = tensors_of(state), tensors_of(again)
    assert before.keys() == after.keys()
    for entry, (tensor, _) in before.items():
        assert after[entry][0].dtype == tensor.dtype
        assert torch.equal(after[entry][0].nan_to_num(), tensor.nan_to_num())
    assert state.stage == (name == "stages")
    assert (state.past is not None) == (name == "stages")
