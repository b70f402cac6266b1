"""A training step as a CUDA graph.

Without a GPU: that it never asks for a number on the way, that a graph repeats the step, and
that nothing of a graph's memory is used outside of it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import jaxtyping
import pytest
import torch

from pinn_core import Configuration, Heat, Member, Pinn, Regression, train
from pinn_core.configuration import families
from pinn_core.inputs import Fourier
from pinn_core.networks import ModifiedMlp
from pinn_core.optimizers import AdamW, GradientDescent
from pinn_core.problems import Burgers
from pinn_core.training.cuda_graphs import CudaGraphs
from pinn_core.training.pack import Pack
from tests.pinn_core.packs import configuration
from tests.pinn_core.tape import Allocations, Tape

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


HEAT, BURGERS = Heat(points_per_axis=7), Burgers(points_x=8, points_t=8)
DECAYING = AdamW(steps=8, learning_rate=1e-2, decay=0.5, decay_steps=3)
REPLAYED: dict[str, dict[str, Any]] = {
    "full batch": {},
    "mini-batches": {"objective": Pinn(batch=20)},
    "new points": {"objective": Pinn(batch=20, points="uniform")},
    "regression": {"objective": Regression(batch=20)},
    "nonlinear": {"problem": BURGERS},
    "phases": {"phases": (DECAYING, GradientDescent(steps=8, learning_rate=1e-4), DECAYING)},
    "gates and features": {"network": ModifiedMlp(width=8, depth=2), "inputs": Fourier()},
}


def small(kind: Any) -> Any:
    """A part with its defaults, a problem with few points."""
    axes = sorted(each.name for each in fields(kind) if each.name.startswith("points_"))
    return kind(**{name: 7 + place for place, name in enumerate(axes)})


def possible(part: Any, key: str) -> Configuration | None:
    """A configuration with this part whose steps are captured, if there is one."""
    for problem in (HEAT, BURGERS):
        given = (replace(part, steps=12),) if key == "phases" else part
        with suppress(ValueError):
            made = replace(configuration(), **{"problem": problem, key: given})
            pack = Pack([made], [0], "cpu", 1, "eager")
            return made if pack._can_be_replayed() else None
    return None


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have packs capture their steps, on tapes."""
    attach = Pack._attach

    def attached(pack: Pack) -> None:
        attach(pack)
        pack.graphs = CudaGraphs() if pack._can_be_replayed() else None

    monkeypatch.setattr(Pack, "_attach", attached)
    monkeypatch.setattr(CudaGraphs, "_captured", lambda _, work: Tape(work))


def trained(one: Configuration, stopping: bool = False) -> list[str]:
    """Digests of three members, of which one is stopped on the way if so asked."""
    with torch.no_grad():
        pack = Pack([one] * 3, [0, 1, 2], "cpu", 1, "eager")
        for step in range(pack.steps):
            parameters = pack.state.parameters.clone()
            pack.advance(step)
            if stopping and step == pack.steps // 2:
                pack.stop([1], step, parameters)
        pack.end(pack.steps)
        return [made.digest() for made in pack.trajectories(pack.steps + 1)]


@pytest.mark.parametrize("stopping", [False, True])
@pytest.mark.parametrize("name", REPLAYED)
def test_a_captured_step_is_the_step(
    name: str, stopping: bool, request: pytest.FixtureRequest
) -> None:
    one = replace(configuration(steps=24), **REPLAYED[name])
    plain = trained(one, stopping)
    request.getfixturevalue("captured")
    assert trained(one, stopping) == plain


@pytest.mark.slow
@pytest.mark.parametrize("key", families())
def test_a_captured_step_is_the_step_with_every_part(
    key: str, request: pytest.FixtureRequest
) -> None:
    family = families()[key]
    made = [possible(small(family[kind]), key) for kind in family.names()]
    chosen = [one for one in made if one is not None]
    plain = [trained(one) for one in chosen]
    request.getfixturevalue("captured")
    assert [trained(one) for one in chosen] == plain


@pytest.mark.usefixtures("captured")
def test_a_number_that_python_hands_over_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    step, handed = Pack._step, iter(range(1000))

    def stepped(pack: Pack, due: Any, phase_step: Any) -> None:
        step(pack, due, phase_step)
        pack.state.parameters += 1e-3 * next(handed)

    monkeypatch.setattr(Pack, "_step", stepped)
    found = trained(configuration(steps=24))
    handed = iter(range(1000))
    monkeypatch.setattr(CudaGraphs, "run", lambda *arguments: arguments[-1]())
    assert trained(configuration(steps=24)) != found


@pytest.fixture
def little_garbage() -> Iterator[None]:
    """Garbage is looked for among what the test makes, not among all that was imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("little_garbage")
@pytest.mark.parametrize("name", REPLAYED)
def test_no_memory_of_a_captured_step_is_used_after_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graphs share their memory: what one of them left there, another would overwrite."""
    held: list[str] = []

    def run(_: CudaGraphs, key: Any, work: Any) -> None:
        with Allocations() as allocations:
            work()
        held.extend(allocations.held())

    monkeypatch.setattr(CudaGraphs, "run", run)
    one = replace(configuration(), **REPLAYED[name])
    with torch.no_grad():
        pack = Pack([one, one], [0, 1], "cpu", 1, "eager")
        assert pack._can_be_replayed()
        pack.graphs = CudaGraphs()
        for step in range(pack.steps):
            pack.advance(step)
    assert held == []


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
