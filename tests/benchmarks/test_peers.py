"""The peers solve the very problem that our engine solves, so their times may be compared."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch

from benchmarks.engine import Engine
from benchmarks.peers import Peer, Task, flat
from benchmarks.peers.nested import Nested
from benchmarks.subset import HeatSubset
from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train

needs_deepxde = pytest.mark.skipif(
    importlib.util.find_spec("deepxde") is None,
    reason="DeepXDE is not installed: pip install 'pinn-sweeps[benchmarks]'",
)
PEERS = ["nested", pytest.param("deepxde", marks=needs_deepxde)]
TOLERANCE = {"float32": 2e-4, "float64": 1e-9}


def peer(name: str, task: Task) -> Peer:
    if name == "nested":
        return Nested(task)
    from benchmarks.peers.deepxde import DeepXde

    return DeepXde(task)


def configuration(activation: Any, precision: Any, steps: int = 1) -> Configuration:
    return Configuration(
        problem=HeatSubset(interior=40, boundary=12),
        network=Mlp(width=10, depth=3, activation=activation),
        objective=Pinn(lambda_b=7.0),
        phases=(Adam(steps=steps, learning_rate=1e-3),),
        record=Record(points=2, gradients_every=0, full_every=0, sketch_every=0),
        precision=precision,
    )


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
        losses.append(residual + 7.0 * boundary)
        theirs.step()
    (trajectory,) = train([Member(chosen, seed=0)])
    recorded = torch.tensor(trajectory.table["loss/batch"].to_pylist(), dtype=torch.float64)
    torch.testing.assert_close(
        recorded, torch.tensor(losses, dtype=torch.float64), rtol=1e-6, atol=0
    )
