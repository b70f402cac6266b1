"""A training step as a CUDA graph: without a GPU, that it never asks for a number on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jaxtyping
import pytest
import torch

from pinn_core import Member, Pinn, Regression, train
from pinn_core.training.cuda_graphs import CudaGraphs
from pinn_core.training.pack import Pack
from tests.pinn_core.packs import configuration

OBJECTIVES = [Pinn(batch="full"), Pinn(batch=20), Regression(batch=20), Regression(batch="full")]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_step_waits_for_the_device(objective: Any) -> None:
    """The meta device has shapes and no numbers: whatever asks for one raises."""
    members = [Member(replace(configuration(), objective=objective), seed) for seed in (0, 1)]
    with torch.no_grad():
        pack = Pack([m.configuration for m in members], [0, 1], "meta", 1, "eager")
        for step in range(pack.steps):
            pack.advance(step)
        pack.end(pack.steps)


def test_work_is_done_once_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What capturing and replaying amount to, on a machine that cannot do either."""

    class Recorded:
        def __init__(self, work: Any) -> None:
            self.replay = work

    monkeypatch.setattr(CudaGraphs, "_captured", lambda _, work: Recorded(work))
    graphs, done = CudaGraphs(), []
    for key in ("a", "a", "b", "a", "b", "a"):
        graphs.run(key, lambda key=key: done.append(key))
    assert done == ["a", "a", "b", "a", "b", "a"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_replayed_steps_are_the_steps(objective: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # no compiler sees through it
    members = [Member(replace(configuration(), objective=objective), seed) for seed in (0, 1)]
    replayed = train(members, device="cuda")
    monkeypatch.setattr(CudaGraphs, "run", lambda *arguments: arguments[-1]())
    plain = train(members, device="cuda")
    assert [one.digest() for one in replayed] == [one.digest() for one in plain]
