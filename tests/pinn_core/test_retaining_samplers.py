"""Samplers that keep points: R3 (retain, resample, release), its causal form, and RAR-D."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinn_core import Adam, Checkpointing, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives import evaluate
from pinn_core.optimizers import LBFGS
from pinn_core.problems import Burgers, Poisson
from pinn_core.randomness import generator
from pinn_core.samplers import R3, Asked, CausalR3, RarD
from pinn_core.training.checkpoint import Folder, every_steps
from pinn_core.training.heeding import heeded
from pinn_core.weightings import Causal, Ntk
from tests.pinn_core.backends import BACKENDS
from tests.pinn_core.observing import seen

NETWORK = Mlp(width=8, depth=2, activation="tanh", init="glorot")
PROBLEM = Burgers(points_x=16, points_t=16)
SEEDS = [0, 1]


def configuration(points: str, **parts: Any) -> Configuration:
    sampling = {
        "rar_d": {"candidates": 100, "added": 3},
        "r3": {},
        "causal_r3": {"rate": 0.5, "start": 0.2},
    }[points]
    asked = {"resample": parts.pop("resample", 1), "sampling": sampling}
    return Configuration(
        problem=PROBLEM,
        network=NETWORK,
        objective=Pinn(lambda_b=10.0, batch=20, points=points, **asked),
        phases=parts.pop("phases", (Adam(steps=8, learning_rate=1e-2),)),
        record=Record(points=30, gradient_points=20, sketch_every=0),
        **parts,
    )


def pack() -> tuple[Discretization, torch.Tensor]:
    disc = Discretization(PROBLEM, NETWORK, "float64", backend="eager")
    return disc, torch.stack([disc.initial(NETWORK, seed) for seed in SEEDS])


def step(disc: Discretization, parameters: torch.Tensor, batches: Any, number: int) -> Any:
    """The points of a step, whose residuals the sampler then hears of."""
    batch = batches.at(number, parameters)
    terms = Pinn(batch=20, points="uniform").terms(disc)
    evaluate(terms, disc, parameters, batch, heeded(batches, lambda *_: None))
    return batch["interior"].coordinates.clone()


def test_r3_keeps_points_above_the_mean_residual_and_draws_the_others_anew() -> None:
    """Against the algorithm, written out member by member."""
    disc, parameters = pack()
    batches = R3().batches(Asked(50), disc, SEEDS, {})
    before = step(disc, parameters, batches, 0)
    for number in range(1, 4):
        after = step(disc, parameters, batches, number)
        for member in range(2):
            own = before[member : member + 1]
            point_set = disc.point_set({"coordinates": own.numpy()})
            residual = disc.residual(parameters[member : member + 1], point_set)[1][0, :, 0].abs()
            kept = (residual > residual.mean()).numpy()
            same = (after[member] == own[0]).all(1).numpy()
            assert np.array_equal(same, kept)
            assert 0 < kept.sum() < 50
        before = after


def test_r3_gathers_points_where_the_residual_stays_large() -> None:
    disc, parameters = pack()
    batches = R3().batches(Asked(400), disc, SEEDS, {})
    for number in range(30):
        points = step(disc, parameters, batches, number)
    there = disc.point_set({"coordinates": points.numpy()})
    sizes = disc.residual(parameters, there)[1].abs().mean((1, 2))
    everywhere = disc.residual(parameters, disc.interior)[1].abs().mean((1, 2))
    assert (sizes > 1.3 * everywhere).all()


def test_r3_releases_every_point_of_a_network_that_diverged() -> None:
    disc, parameters = pack()
    parameters[1] = torch.nan
    batches = R3().batches(Asked(20), disc, SEEDS, {})
    first, second = (step(disc, parameters, batches, number) for number in (0, 1))
    assert (first[0] == second[0]).all(1).any()
    assert not (first[1] == second[1]).any()
    assert PROBLEM.domain.holds(second.view(-1, 2).numpy()).all()


def test_r3_evaluates_nothing_but_the_steps() -> None:
    """The parameters are not even looked at where points are due."""
    disc, parameters = pack()
    batches = R3().batches(Asked(20), disc, SEEDS, {})
    first = step(disc, parameters, batches, 0)
    later = batches.at(1, None)["interior"].coordinates
    kept = (first == later).all(2).sum(1)
    assert ((kept > 0) & (kept < 20)).all()


def test_r3_hears_of_residuals_beside_observations() -> None:
    observations = (seen(PROBLEM),)
    disc = Discretization(PROBLEM, NETWORK, "float64", backend="eager", observations=observations)
    parameters = torch.stack([disc.initial(NETWORK, seed) for seed in SEEDS])
    batches = Pinn(batch=20, points="r3").batches(disc, SEEDS, {})
    first, second = (step(disc, parameters, batches, number) for number in (0, 1))
    kept = (first == second).all(2).sum(1)
    assert ((kept > 0) & (kept < 20)).all()


def test_causal_r3_weighs_and_keeps_points_behind_a_gate_that_opens() -> None:
    """Against the authors' algorithm, written out member by member in numpy."""
    disc, parameters = pack()
    sampler = CausalR3(steepness=4.0, start=0.1, rate=3.0, epsilon=200.0)
    batches = sampler.batches(Asked(50), disc, SEEDS, {})
    terms, gammas = Pinn(batch=20, points="uniform").terms(disc), [0.1, 0.1]
    before = batches.at(0, parameters)
    for number in range(1, 5):
        found = evaluate(terms, disc, parameters, before, heeded(batches, lambda *_: None))
        after = batches.at(number, parameters)
        for member, gamma in enumerate(gammas):
            own = before["interior"].coordinates[member : member + 1]
            there = disc.point_set({"coordinates": own.numpy()})
            residual = disc.residual(parameters[member : member + 1], there)[1][0, :, 0].numpy()
            gate = (1 - np.tanh(4.0 * (own[0, :, 1].numpy() - gamma))) / 2
            behind = np.mean((gate * residual) ** 2)
            loss = found.terms["residual"].loss[member].item()
            assert loss == pytest.approx(behind, rel=1e-12)
            fitness = abs(residual) * gate
            same = (after["interior"].coordinates[member] == own[0]).all(1).numpy()
            assert np.array_equal(same, fitness > fitness.mean())
            gammas[member] += 3.0 * min(np.exp(-200.0 * behind), 0.1)
        before = after
    assert 0.1 < gammas[1] != gammas[0] < 0.1 + 4 * 3.0 * 0.1


def test_the_gate_opens_in_every_step_also_where_points_stay() -> None:
    disc, parameters = pack()
    state: dict[str, torch.Tensor] = {}
    batches = CausalR3().batches(Asked(20, resample=10), disc, SEEDS, state)
    shares = []
    for number in range(3):
        shares.append(batches.at(number, parameters)["interior"]["share"])
        step(disc, parameters, batches, number)
    assert (shares[0] < shares[1]).all() and (shares[1] < shares[2]).all()
    assert {len(table) for table in state.values()} == {2}


def test_behind_the_gate_is_the_loss_of_the_batch_alone() -> None:
    made = configuration("causal_r3", phases=(Adam(steps=2, learning_rate=1e-3),))
    sampling = {"start": -10.0}
    shut = Pinn(lambda_b=0.0, batch=20, points="causal_r3", sampling=sampling)
    (run,) = train([Member(replace(made, objective=shut), 0)])
    assert run.table["loss/batch"][0].as_py() < 1e-20
    assert run.table["loss/residual"][0].as_py() > 1e-3


def test_causal_r3_needs_a_time() -> None:
    expected = "points: causal_r3 needs a problem with the time t .* poisson is steady, found x"
    with pytest.raises(ValueError, match=expected):
        replace(configuration("causal_r3"), problem=Poisson())


def test_rar_d_adds_points_and_takes_none_away() -> None:
    disc, parameters = pack()
    state: dict[str, torch.Tensor] = {}
    sampler = RarD(added=6, candidates=300)
    batches = sampler.batches(Asked(30, resample=2), disc, SEEDS, state)
    counts, before = [], batches.at(0, parameters)["interior"].coordinates.clone()
    for number in range(10):
        interior = batches.at(number, parameters)["interior"]
        counts.append(int((interior["share"] > 0).sum()))
        earlier = counts[max(0, number - 1)]
        assert torch.equal(interior.coordinates[:, :earlier], before[:, :earlier])
        before = interior.coordinates.clone()
    assert counts == [15, 15, 21, 21, 27, 27, 30, 30, 30, 30]
    assert {len(table) for table in state.values()} == {2}


def test_points_that_rar_d_adds_have_the_papers_density() -> None:
    """Each is drawn among the candidates with p ~ r^2, as numpy draws it."""
    disc, parameters = pack()
    batches = RarD(added=40, candidates=500).batches(Asked(100), disc, SEEDS, {})
    first = batches.at(0, parameters)["interior"].coordinates[:, :50].clone()
    points = batches.at(1, parameters)["interior"].coordinates
    assert torch.equal(points[:, :50], first)
    for member, seed in enumerate(SEEDS):
        unit = generator(seed, "points/rar_d/candidates", 1).random((500, 2))
        places = PROBLEM.domain.at(unit)
        there = disc.point_set({"coordinates": places[None]})
        residual = disc.residual(parameters[member : member + 1], there)[1][0, :, 0].numpy()
        density = residual**2 / (residual**2).sum()
        rng = generator(seed, "points/rar_d", 1)
        rows = np.sort(rng.choice(500, 40, replace=False, p=density))
        assert np.allclose(points[member, 50:90].numpy(), places[rows], rtol=0, atol=1e-15)


def test_the_loss_on_a_growing_set_is_that_of_the_points_there_are() -> None:
    disc, parameters = pack()
    batches = RarD(start=0.4, candidates=50).batches(Asked(20), disc, SEEDS, {})
    batch = batches.at(0, parameters)
    terms = Pinn(batch=20, points="uniform").terms(disc)
    found = evaluate(terms, disc, parameters, batch).terms["residual"]
    there = disc.point_set({"coordinates": batch["interior"].coordinates[:, :8].numpy()})
    alone = evaluate(terms, disc, parameters, {**batch, "interior": there}).terms["residual"]
    assert torch.allclose(found.loss, alone.loss, rtol=1e-13)
    assert torch.allclose(found.gradient, alone.gradient, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("points", ["r3", "causal_r3", "rar_d"])
@pytest.mark.parametrize("resample", [1, 3])
def test_alone_packed_or_resumed_the_bits_are_the_same(
    backend: str, points: str, resample: int, tmp_path: Path
) -> None:
    made = configuration(points, resample=resample)
    pack = [Member(made, seed) for seed in range(3)]
    together = [one.digest() for one in train(pack, backend=backend)]
    assert len(set(together)) == 3
    assert [train([member], backend=backend)[0].digest() for member in pack] == together
    half, rest = (Checkpointing(Folder(tmp_path), every_steps(n)) for n in (4, 99))
    train(pack, backend=backend, checkpointing=half, stop_after=4)  # between two drawings
    resumed = train(pack, backend=backend, checkpointing=rest)
    assert [one.digest() for one in resumed] == together


@pytest.mark.parametrize("points", ["r3", "causal_r3", "rar_d"])
@pytest.mark.parametrize(
    "parts",
    [
        {"weighting": Ntk(period=2)},
        {"weighting": Causal(chunks=4)},
        {"data": (seen(PROBLEM),)},
        {"phases": (Adam(steps=3, learning_rate=1e-2), LBFGS(steps=3))},
    ],
)
def test_they_go_together_with_other_parts(points: str, parts: dict[str, Any]) -> None:
    pack = [Member(configuration(points, **parts), seed) for seed in range(2)]
    together = train(pack)
    assert [train([member])[0].digest() for member in pack] == [one.digest() for one in together]
    assert all(np.isfinite(one.table["loss/batch"].to_numpy()).all() for one in together)


@pytest.mark.parametrize(
    ("objective", "complaint"),
    [
        ({"points": "r3", "resample": 0}, "resample must be >= 1 with points: r3, found 0"),
        ({"points": "r3", "sampling": {"k": 1}}, r"the sampler r3 \(none\), found 'k'"),
        ({"points": "causal_r3", "resample": 0}, "with points: causal_r3, found 0"),
        ({"points": "causal_r3", "sampling": {"rate": 0.0}}, "rate must be > 0, found 0"),
        (
            {"points": "causal_r3", "sampling": {"start": float("inf")}},
            "start must be finite, found inf",
        ),
        ({"points": "rar_d", "resample": 0}, "resample must be >= 1 with points: rar_d, found 0"),
        ({"points": "rar_d", "sampling": {"start": 0.0}}, "start must be > 0, found 0"),
        ({"points": "rar_d", "sampling": {"start": 1.5}}, "start must be <= 1, found 1.5"),
        (
            {"points": "rar_d", "sampling": {"added": 30, "candidates": 20}},
            r"candidates must be >= the points added \(30\), found 20",
        ),
        ({"points": "rad", "sampling": {"candidates": 10}}, r">= the batch \(20\), found 10"),
    ],
)
def test_what_cannot_be_drawn_is_refused_when_the_study_is_read(
    objective: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Pinn(batch=20, **objective)
