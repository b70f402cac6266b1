"""A sampler that looks at the networks: residual-based adaptive distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinn_core import Adam, Checkpointing, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.problems import Burgers
from pinn_core.samplers import Asked, ResidualBased
from pinn_core.training.checkpoint import Folder, every_steps
from tests.pinn_core.backends import BACKENDS

NETWORK = Mlp(width=8, depth=2, activation="tanh", init="glorot")
PROBLEM = Burgers(points_x=16, points_t=16)


def configuration(**objective: Any) -> Configuration:
    asked = {"points": "rad", "resample": 3, "sampling": {"candidates": 200}, **objective}
    return Configuration(
        problem=PROBLEM,
        network=NETWORK,
        objective=Pinn(lambda_b=10.0, batch=20, **asked),
        phases=(Adam(steps=8, learning_rate=1e-2),),
        record=Record(points=30, gradient_points=20, sketch_every=0),
    )


def drawn(k: float, c: float, count: int = 400, candidates: int = 4000) -> tuple[Any, Any]:
    """The points, and the residual's size at each of the candidates and of the points."""
    disc = Discretization(PROBLEM, NETWORK, "float64", backend="eager")
    parameters = torch.stack([disc.initial(NETWORK, seed) for seed in (0, 1)])
    sampler = ResidualBased(k=k, c=c, candidates=candidates)
    state: dict[str, torch.Tensor] = {}
    batches = sampler.batches(Asked(count, resample=5), disc, [0, 1], state)
    batch = batches.at(0, parameters)
    sizes = disc.residual(parameters, batch["interior"])[1].abs()[..., 0]
    everywhere = disc.residual(parameters, disc.interior)[1].abs()[..., 0]
    return sizes.numpy(), everywhere.numpy()


def test_points_gather_where_the_residual_is_large() -> None:
    sizes, everywhere = drawn(2.0, 0.0)
    squares = (everywhere**3).mean(1) / (everywhere**2).mean(1)  # mean of r under p ~ r^2
    assert np.allclose(sizes.mean(1), squares, rtol=0.1)
    uniform, _ = drawn(0.0, 1.0)
    assert np.allclose(uniform.mean(1), everywhere.mean(1), rtol=0.1)
    assert (sizes.mean(1) > 1.3 * uniform.mean(1)).all()


def test_points_stay_until_new_ones_are_due() -> None:
    disc = Discretization(PROBLEM, NETWORK, "float64", backend="eager")
    parameters = torch.stack([disc.initial(NETWORK, seed) for seed in (0, 1)])
    state: dict[str, torch.Tensor] = {}
    batches = ResidualBased(candidates=200).batches(Asked(20, resample=3), disc, [0, 1], state)
    first = batches.at(3, parameters)["interior"].coordinates
    assert torch.equal(batches.at(5, 2 * parameters)["interior"].coordinates, first)
    assert not torch.equal(batches.at(6, parameters)["interior"].coordinates, first)
    assert {len(table) for table in state.values()} == {2}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("resample", [1, 3, 0])
def test_alone_packed_or_resumed_the_bits_are_the_same(
    backend: str, resample: int, tmp_path: Path
) -> None:
    pack = [Member(configuration(resample=resample), seed) for seed in range(3)]
    together = [one.digest() for one in train(pack, backend=backend)]
    assert len(set(together)) == 3
    assert [train([member], backend=backend)[0].digest() for member in pack] == together
    half, rest = (Checkpointing(Folder(tmp_path), every_steps(n)) for n in (4, 99))
    train(pack, backend=backend, checkpointing=half, stop_after=4)  # between two drawings
    resumed = train(pack, backend=backend, checkpointing=rest)
    assert [one.digest() for one in resumed] == together


def test_a_network_that_diverged_gets_uniform_points() -> None:
    disc = Discretization(PROBLEM, NETWORK, "float64", backend="eager")
    parameters = torch.stack([disc.initial(NETWORK, 0), disc.initial(NETWORK, 1) * np.inf])
    batches = ResidualBased(candidates=50).batches(Asked(20), disc, [0, 1], {})
    points = batches.at(0, parameters)["interior"].coordinates
    assert PROBLEM.domain.holds(points.view(-1, 2).numpy()).all()


@pytest.mark.parametrize(
    ("objective", "complaint"),
    [
        ({"sampling": {"z": 1.0}}, r"fields of the sampler rad \(k, c, candidates\), found 'z'"),
        ({"sampling": {"k": -1.0}}, "k must be >= 0, found -1"),
        ({"points": "uniform", "sampling": {"k": 1.0}}, r"the sampler uniform \(none\)"),
    ],
)
def test_wrong_fields_are_refused(objective: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        configuration(**objective)
