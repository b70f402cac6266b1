"""The steps of a training with fake tensors of a CUDA device: no GPU is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pinn_core import Configuration, Pinn, Record, Regression
from pinn_core.engine.backends.fused import Fused
from pinn_core.inputs import Fourier
from pinn_core.networks import ModifiedMlp
from pinn_core.objectives.pseudo_time import PseudoTime
from pinn_core.optimizers import AdamW, GradientDescent, Muon
from pinn_core.problems import Wave
from pinn_core.training.cuda_graphs import CudaGraphs
from pinn_core.training.pack import Pack
from tests.pinn_core.fake_cuda import DEVICE, OnTheDevice, fake_cuda
from tests.pinn_core.packs import configuration

TRAINED: dict[str, dict[str, Any]] = {
    "full batch": {},
    "mini-batches": {"objective": Pinn(batch=20)},
    "new points": {"objective": Pinn(batch=20, points="uniform")},
    "regression": {"objective": Regression(batch=20)},
    "penalty": {"objective": Pinn(l2=1e-3)},
    "pseudo-time": {"objective": PseudoTime(adapt_every=2)},
    "float64": {"precision": "float64"},
    "several conditions": {"problem": Wave(points_per_axis=7)},
    "phases": {
        "phases": (
            AdamW(steps=3, learning_rate=1e-2, decay=0.5, decay_steps=3),
            GradientDescent(steps=3, learning_rate=1e-4),
        )
    },
    "matrices": {"phases": (Muon(steps=6, decay=0.5, decay_steps=3),)},
    "gates and features": {"network": ModifiedMlp(width=8, depth=2), "inputs": Fourier()},
}


@pytest.fixture(autouse=True)
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain torch for the fused activations, which have tests of their own, and no real graphs."""
    monkeypatch.setattr(Fused, "__call__", lambda fused, *arguments: fused._function(*arguments))

    monkeypatch.setattr(CudaGraphs, "_captured", lambda _, work: Watched(work))


class Watched:
    """A graph that does its work as it is, all of it on the device."""

    def __init__(self, work: Any) -> None:
        self._work = work

    def replay(self) -> None:
        with OnTheDevice():
            self._work()


def short(**parts: Any) -> Configuration:
    """Six steps, of which every other records all: both kinds are captured."""
    often = Record(points=40, gradients_every=2, gradient_points=20, full_every=2, sketch_every=2)
    return replace(configuration(steps=6), record=often, **parts)


def trained(one: Configuration) -> Pack:
    with torch.no_grad(), fake_cuda():
        pack = Pack([one, one], [0, 1], DEVICE, 1, "auto")
        for step in range(pack.steps):
            pack.advance(step)
        pack.end(pack.steps)
    return pack


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_stays_on_the_device_and_asks_for_no_number(name: str) -> None:
    pack = trained(short(**TRAINED[name]))
    assert pack.graphs is not None
    assert pack.graphs._graphs
    state = pack.state.flatten()
    elsewhere = {name for name, tensor in state.items() if str(tensor.device) != DEVICE}
    assert elsewhere == {"members", "seconds", "counters"}
    assert pack.state.parameters.dtype == pack.disc.dtype
    assert {each.dtype for each in pack.state.optimizer.values()} <= {pack.disc.dtype}
    kept = {pack.disc.dtype, torch.float64, torch.int64, torch.float32}
    assert {each.dtype for each in state.values()} <= kept


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda pack: pack.state.parameters.sum().item(), "item|DataDependent|local_scalar"),
        (lambda pack: bool((pack.state.parameters > 0).any()), "DataDependent|is_nonzero|scalar"),
        (lambda pack: pack.state.parameters + torch.ones(2, 1), "cpu"),
        (lambda pack: pack.state.parameters.cpu(), "cpu"),
    ],
    ids=["item", "boolean", "two devices", "copy"],
)
def test_mistakes_are_found(mistake: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Pack._step

    def mistaken(pack: Pack, *arguments: Any) -> None:
        step(pack, *arguments)
        mistake(pack)

    monkeypatch.setattr(Pack, "_step", mistaken)
    with pytest.raises(Exception, match=said):
        trained(short())
