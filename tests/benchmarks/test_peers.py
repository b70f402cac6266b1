"""The peers solve the very problem that our engine solves, so their times may be compared."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
import torch

from benchmarks.contenders import (
    CHANNELS,
    JAXPI,
    JINNS,
    NEEDS,
    SCRIPTS,
    TORCH,
    contenders,
    empty_columns,
)
from benchmarks.engine import Engine
from benchmarks.peers import Peer, Task, flat
from benchmarks.peers.compiled import Compiled
from benchmarks.peers.nested import Nested
from pinn_core import Member, train
from tests.benchmarks.agreement import LAMBDA, at_the_start, configuration, in_training


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None,
        reason=f"{package} is not installed: pip install 'pinn-sweeps[benchmarks]'",
    )


def if_installed(names: Iterable[str]) -> list[Any]:
    return [
        pytest.param(name, marks=[needs(each) for each in NEEDS if name in NEEDS[each]])
        for name in names
    ]


PEERS = ["nested", pytest.param("deepxde", marks=needs("deepxde"))]
PACKS = {**dict.fromkeys((*SCRIPTS, TORCH), 2), JAXPI: 1, JINNS: 1}
"""Networks that a peer trains together."""
TOLERANCE = {"float32": 2e-4, "float64": 1e-9}


def peer(name: str, task: Task) -> Peer:
    if name == "nested":
        return Nested(task)
    from benchmarks.peers.deepxde import DeepXde

    return DeepXde(task)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["tanh", "sin", "gelu", "silu", "softplus"])
@pytest.mark.parametrize("name", PEERS)
def test_losses_and_both_gradients_are_equal(name: str, activation: str, precision: str) -> None:
    engine = Engine.of(configuration(activation, precision), pack=2)
    size = engine.disc.stack.size
    ours = engine.both()
    losses, gradients = peer(name, engine.task(member=1)).both()
    close = {"rtol": TOLERANCE[precision], "atol": TOLERANCE[precision]}
    for term, loss, gradient in zip(("residual", "boundary"), losses, gradients, strict=True):
        torch.testing.assert_close(loss.item(), ours.terms[term].loss[1].item(), **close)
        torch.testing.assert_close(flat(gradient), ours.terms[term].gradient[1, :size], **close)


@pytest.mark.parametrize("name", PEERS)
def test_training_goes_the_same_way(name: str) -> None:
    chosen = configuration("tanh", "float64", steps=5)
    theirs = peer(name, Engine.of(chosen, pack=1).task())
    losses = []
    for _ in range(6):
        residual, boundary = (loss.item() for loss in theirs.both()[0])
        losses.append(residual + LAMBDA * boundary)
        theirs.step()
    (trajectory,) = train([Member(chosen, seed=0)])
    recorded = torch.tensor(trajectory.table["loss/batch"].to_pylist(), dtype=torch.float64)
    torch.testing.assert_close(
        recorded, torch.tensor(losses, dtype=torch.float64), rtol=1e-6, atol=0
    )


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    """JAX starts threads, after which no process should fork, as other tests do."""
    with ProcessPoolExecutor(1, get_context("spawn")) as made:
        yield made


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
@pytest.mark.parametrize("name", if_installed(PACKS))
def test_losses_and_both_gradients_of_packs_are_equal(
    process: ProcessPoolExecutor, name: str, activation: str
) -> None:
    losses, gradients = process.submit(at_the_start, name, activation, PACKS[name]).result()
    assert losses < 2e-6
    assert gradients < 5e-6


@pytest.mark.parametrize("activation", ["sin", "silu", "softplus"])
@pytest.mark.parametrize("name", if_installed((CHANNELS[1], TORCH)))
def test_derivatives_written_by_hand_are_those_of_the_activation(
    process: ProcessPoolExecutor, name: str, activation: str
) -> None:
    losses, gradients = process.submit(at_the_start, name, activation, PACKS[name]).result()
    assert losses < 2e-6
    assert gradients < 5e-6


@pytest.mark.parametrize("name", if_installed(PACKS))
def test_packs_train_the_same_way(process: ProcessPoolExecutor, name: str) -> None:
    assert process.submit(in_training, name, PACKS[name]).result() < 1e-5


@pytest.mark.slow
def test_the_compiled_step_is_the_one_that_is_compiled() -> None:
    task = Engine.of(configuration("gelu", "float32"), pack=2).pack_task(steps=3)
    compiled = Compiled(task)
    torch.testing.assert_close(compiled.train(), Compiled(task, compiling=False).train())
    assert compiled.compile_seconds > 0


@pytest.mark.parametrize("package", NEEDS)
def test_without_a_package_its_peers_are_left_out_and_the_extra_is_told(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for module in [name for name in sys.modules if name.startswith("benchmarks.peers.")]:
        monkeypatch.delitem(sys.modules, module)
    for each in NEEDS:  # JAX stays out of this process
        monkeypatch.setitem(sys.modules, each, None)
    found = contenders()
    assert package in found.missing
    assert not {*found.packs, *found.steps} & set(NEEDS[package])
    (note,) = empty_columns((package,))
    assert NEEDS[package][0] in note
    assert "pinn-sweeps[benchmarks]" in note
