"""Observations: terms of the loss like others, trained and recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, train
from pinn_core.aggregations import PCGrad
from pinn_core.curricula import Curriculum
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives.terms import problem_terms
from pinn_core.optimizers import LBFGS
from pinn_core.probes import PairwiseCosine
from pinn_core.probes.layer_gradients import LayerGradients
from pinn_core.problems import Problem
from pinn_core.samplers import Foreseeing
from pinn_core.training import native_steps
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.native_steps import NativeSteps
from pinn_core.training.pack import Pack
from pinn_core.weightings import Annealing, Ntk, SelfAdaptive
from tests.pinn_core.backends import needs_native
from tests.pinn_core.observing import CAVITY, HEAT, SPARSE, configuration, seen


def table_of(one: Configuration, seed: int = 0, **options: Any) -> pd.DataFrame:
    (trajectory,) = train([Member(one, seed)], **options)
    return trajectory.table.to_pandas()


def digests(pack: list[Member], **options: Any) -> list[str]:
    return [trajectory.digest() for trajectory in train(pack, **options)]


def by_autograd(disc: Discretization, theta: torch.Tensor, outputs: list[int]) -> torch.Tensor:
    """The loss of one member's observations, and its gradient, from the plain network."""
    points = disc.observed_points["sensors"]
    h = points.coordinates[0]
    *hidden, (weights, biases) = disc.stack.layers(theta[None])
    for w, b in hidden:
        h = torch.tanh(h @ w[0].T + b[0])
    values = (h @ weights[0].T + biases[0])[:, outputs]
    return (values - points["target"][0]).square().sum(1).mean()


@pytest.mark.parametrize("problem", [HEAT, CAVITY])
def test_loss_and_gradient_are_those_of_autograd(problem: Problem) -> None:
    network = Mlp(width=6, depth=2, activation="tanh")
    disc = Discretization(problem, network, "float64", observations=[seen(problem)])
    term = problem_terms(disc)[-1]
    size = len(problem.coordinates), problem.outputs
    theta = torch.stack([network.initial(*size, seed) for seed in (0, 1)])
    points = disc.observed_points["sensors"]
    found, _ = term.loss_and_gradient(disc, theta, points)
    differentiable = term.differentiable_loss(disc, theta, points)
    for member in (0, 1):
        own = theta[member].clone().requires_grad_()
        loss = by_autograd(disc, own, [0])
        (gradient,) = torch.autograd.grad(loss, own)
        torch.testing.assert_close(found.loss[member], loss.detach(), rtol=1e-12, atol=0)
        torch.testing.assert_close(differentiable[member], loss.detach(), rtol=1e-12, atol=0)
        torch.testing.assert_close(found.gradient[member], gradient, rtol=1e-9, atol=1e-12)


CASES = {
    "all observations": configuration(seen(weight=10.0)),
    "a batch of both": configuration(seen(batch=4), objective=Pinn(batch=30)),
    "a batch and all observations": configuration(seen(), objective=Pinn(batch=30)),
    "one of three outputs": configuration(seen(CAVITY), problem=CAVITY),
    "two terms": configuration(seen(), seen(name="probes", count=5)),
    "weights that change": configuration(seen(), weighting=Annealing(period=8)),
}


@needs_native
@pytest.mark.parametrize("case", CASES)
def test_native_steps_give_the_bits_of_steps_in_python(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_steps, "SECONDS", 1e9)
    pack = with_noise(CASES[case])
    assert Pack([m.configuration for m in pack], [0, 1, 2], "cpu", 1, "native").native
    expected = digests(pack, backend="native")
    monkeypatch.setattr(NativeSteps, "of", classmethod(lambda *_: None))
    assert digests(pack, backend="native") == expected
    assert [digests([member], backend="native")[0] for member in pack] == expected


def with_noise(one: Configuration) -> list[Member]:
    """Members that differ in noise, weight and seed."""
    return [
        Member(replace(one, data=tuple(replace(d, noise=n, weight=w) for d in one.data)), seed)
        for seed, (n, w) in enumerate([(0.0, 1.0), (0.1, 1.0), (0.1, 5.0)])
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"phases": (LBFGS(steps=6),)},
        {"aggregation": PCGrad()},
        {"weighting": Ntk(period=4)},
        {"weighting": SelfAdaptive(terms="all")},
        {"objective": Pinn(points="uniform", batch=20)},
        {"objective": Pinn(reduction="sum", lambda_b=1.0)},
        {"record": replace(SPARSE, probes=(PairwiseCosine(every=5), LayerGradients(every=5)))},
        {
            "record": replace(SPARSE, curvature_every=2, histograms_every=2, kernel_every=2),
            "phases": (Adam(steps=1),),
            "network": Mlp(width=4, depth=1),
        },
    ],
)
def test_every_method_takes_the_term_and_members_stay_independent(changes: dict[str, Any]) -> None:
    pack = with_noise(configuration(seen(), **changes))
    together = train(pack)
    assert [one.digest() for one in together] == [digests([member])[0] for member in pack]
    columns = together[0].table.column_names
    assert {"loss/sensors", "weight/sensors", "gradient/norm/sensors", "error/data"} <= {*columns}
    assert "full/loss/sensors" not in columns
    if "curvature/total" in columns:
        assert {"curvature/sensors", "histogram/sensors", "kernel/sensors"} <= {*columns}


def test_a_pruned_pack_keeps_each_members_noise() -> None:
    pack = with_noise(configuration(seen()))
    made = Pack([member.configuration for member in pack], [0, 1, 2], "cpu", 1, "auto")
    targets = made.disc.observed_points["sensors"]["target"].clone()
    for rows, left in (([1], [0, 2]), ([1], [0])):
        made.stop(rows, 0, made.state.parameters)
        assert torch.equal(made.loss.batches.at(0)["sensors"]["target"], targets[left])
        assert torch.equal(made.disc.observed_points["sensors"]["target"], targets[left])


def test_a_resumed_pack_and_every_stage_keep_each_members_noise(tmp_path: Path) -> None:
    stages = Curriculum(coefficient="a2", values=(1.0,))
    pack = with_noise(configuration(seen(), stages=stages, phases=(Adam(steps=10),)))
    expected = [digests([member])[0] for member in pack]
    assert digests(pack) == expected
    kept = Checkpointing(Folder(tmp_path), every_steps(7))
    train(pack, checkpointing=kept, stop_after=15)
    assert digests(pack, checkpointing=kept) == expected


def test_the_columns_say_what_their_names_do() -> None:
    data = seen(weight=10.0, noise=0.2)
    one = configuration(data)
    table = table_of(one, seed=4)
    values, targets = data.values(HEAT), data.targets(HEAT, 4)
    network, disc = one.network, Discretization(HEAT, one.network)
    start = network.initial(3, 1, 4)[None].float()
    points = disc.point_set({"coordinates": data.points(HEAT)[None]})
    made = disc.values(start, points)[0].double().numpy()
    error = np.linalg.norm(made - values) / np.linalg.norm(values)
    assert table["error/data"][0] == pytest.approx(error, rel=1e-5)
    assert table["loss/sensors"][0] == pytest.approx(((made - targets) ** 2).mean(), rel=1e-5)
    assert (table["weight/sensors"] == 10.0).all()
    total = table["loss/residual"] + 100 * table["loss/boundary"] + 10 * table["loss/sensors"]
    np.testing.assert_allclose(table["loss/total"], total, rtol=1e-6)
    assert table["error/data"].notna().all()


def test_the_distance_is_recorded_in_every_row_of_a_batch_too() -> None:
    table = table_of(configuration(seen(batch=4), objective=Pinn(batch=30)))
    assert table["error/data"].notna().all()
    assert table["loss/sensors"].notna().to_numpy().nonzero()[0].tolist() == [0, 5, 10, 15, 20]


def test_observations_are_learnt() -> None:
    data = seen(weight=100.0)
    table = table_of(
        configuration(
            data, objective=Pinn(lambda_b=0.0), phases=(Adam(steps=500, learning_rate=1e-2),)
        )
    )
    assert table["error/data"].iloc[-1] < 0.1 < table["error/data"].iloc[0]


def test_a_foreseeing_sampler_stays_one() -> None:
    for points, foresees in (("grid", True), ("uniform", True), ("rad", False)):
        pinn = Pinn(points=points, batch=20)
        disc = Discretization(HEAT, Mlp(width=4, depth=1), observations=[seen(batch=3)])
        batches = pinn.batches(disc, [0, 1])
        assert isinstance(batches, Foreseeing) == foresees
        networks = torch.zeros(2, disc.size)
        first, again, other = (batches.at(step, networks)["sensors"] for step in (7, 7, 8))
        assert torch.equal(first.coordinates, again.coordinates)
        assert first.coordinates.shape == (2, 3, 3)
        assert not torch.equal(first.coordinates, other.coordinates)
