"""A study as a plain loop: one configuration after the other, in torch as one writes it by hand.

The loop draws its batches, trains and keeps nothing: no losses, no diagnostics, no files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn

from benchmarks.engine import Engine
from benchmarks.peers import Peer, Task
from benchmarks.peers.nested import Nested
from pinn_core import Configuration
from pinn_core.objectives import Pinn, Regression

Step = Callable[[], object]


def nested_step(configuration: Configuration) -> Step:
    """One training step of a configuration by nested ``torch.autograd.grad``."""
    batch = configuration.objective.batch
    if isinstance(configuration.objective, Regression):
        return _regression_step(configuration, int(batch))
    whole = _task(configuration)
    peer = Nested(whole)
    if batch == "full":
        return peer.step

    def step() -> None:
        task = _batch(whole, int(batch))
        peer.task, peer.interior = task, task.interior.requires_grad_()
        peer.step()

    return step


def peer_step(configuration: Configuration, peer: Callable[[Task], Peer]) -> Step:
    """The same by another implementation.

    It trains on its first batch again and again, which costs it less than drawing, and leaves
    regression, where nothing is derived, to ``nested_step``.
    """
    batch = configuration.objective.batch
    if isinstance(configuration.objective, Regression):
        return nested_step(configuration)
    whole = _task(configuration)
    return peer(whole if batch == "full" else _batch(whole, int(batch))).step


def _regression_step(configuration: Configuration, batch: int) -> Step:
    """Mean squared distance from targets at points drawn from all."""
    task = _task(configuration)
    points = torch.cat([task.interior, task.boundary])
    targets = torch.zeros(len(points), 1)  # which ones makes no difference to the clock
    *hidden, (last, out) = pairwise(task.widths)
    inner = [part for pair in hidden for part in (nn.Linear(*pair), nn.GELU())]
    net = nn.Sequential(*inner, nn.Linear(last, out))
    adam = torch.optim.Adam(net.parameters(), lr=task.learning_rate)

    def step() -> None:
        rows = torch.randint(len(points), (batch,))
        adam.zero_grad()
        nn.functional.mse_loss(net(points[rows]), targets[rows]).backward()
        adam.step()

    return step


def _task(configuration: Configuration) -> Task:
    """All points of a configuration's problem, whatever its objective takes of them."""
    return Engine.of(replace(configuration, objective=Pinn()), 1).task()


def _batch(whole: Task, size: int) -> Task:
    """Points in the proportion of all, drawn anew."""
    interior, boundary = len(whole.interior), len(whole.boundary)
    inside = round(size * interior / (interior + boundary))
    chosen = torch.randint(interior, (inside,))
    rows = torch.randint(boundary, (size - inside,))
    return replace(
        whole,
        interior=whole.interior[chosen],
        boundary=whole.boundary[rows],
        target=whole.target[rows],
    )
