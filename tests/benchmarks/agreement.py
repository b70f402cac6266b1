"""How far a peer is from our engine; for a process of its own, since JAX starts threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.contenders import TORCH, contenders
from benchmarks.engine import Engine
from benchmarks.peers import PackPeer, PackTask
from benchmarks.peers.compiled import Compiled
from benchmarks.subset import HeatSubset
from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train

LAMBDA = 7.0
STEPS = 20
TERMS = ("residual", "boundary")


def configuration(activation: Any, precision: Any, steps: int = 1) -> Configuration:
    return Configuration(
        problem=HeatSubset(interior=40, boundary=12),
        network=Mlp(width=10, depth=3, activation=activation),
        objective=Pinn(lambda_b=LAMBDA),
        phases=(Adam(steps=steps, learning_rate=1e-3),),
        record=Record(points=2, gradients_every=0, full_every=0, sketch_every=0),
        precision=precision,
    )


def at_the_start(name: str, activation: str, pack: int) -> tuple[float, float]:
    """Greatest distance of losses, relative, and of gradients, over the longest component."""
    engine = Engine.of(configuration(activation, "float32"), pack)
    ours, size = engine.both(), engine.disc.stack.size
    losses, gradients = peer(name)(engine.pack_task(1)).both()
    wanted = torch.stack([ours.terms[term].loss for term in TERMS], 1)
    slopes = torch.stack([ours.terms[term].gradient[:, :size] for term in TERMS], 1)
    assert losses.shape == wanted.shape
    assert gradients.shape == slopes.shape
    return (
        ((losses - wanted) / wanted).abs().max().item(),
        ((gradients - slopes).abs().amax(2) / slopes.abs().amax(2)).max().item(),
    )


def in_training(name: str, pack: int) -> float:
    """Greatest relative distance of the loss in any of twenty steps of Adam."""
    chosen = configuration("tanh", "float32", STEPS)
    theirs = peer(name)(Engine.of(chosen, pack).pack_task(STEPS)).train().double()
    trajectories = train([Member(chosen, seed) for seed in range(pack)])
    ours = torch.tensor([one.table["loss/batch"].to_pylist()[:STEPS] for one in trajectories]).T
    assert theirs.shape == (STEPS, pack, len(TERMS))
    return ((theirs[:, :, 0] + LAMBDA * theirs[:, :, 1]) / ours - 1).abs().max().item()


def peer(name: str) -> Callable[[PackTask], PackPeer]:
    if name == TORCH:
        return lambda task: Compiled(task, compiling=False)  # what is compiled is the same
    return contenders().packs[name]
