"""Momentum ConFIG against its formulas in numpy, with the gradients of single terms by autograd."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from pinn_core import Checkpointing, Configuration, Member, Mlp, Pinn, Record, Regression, train
from pinn_core.aggregations import ConFIG
from pinn_core.alignments import GUA
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives import evaluate
from pinn_core.optimizers import LBFGS, Adam, MConfig
from pinn_core.probes.alignment_score import AlignmentScore
from pinn_core.problems import Burgers, Poisson
from pinn_core.training.checkpoint import Folder, every_steps
from pinn_core.training.footprint import state_bytes
from pinn_core.training.trained_loss import TrainedLoss
from pinn_core.weightings import Brdr, Ntk
from tests.pinn_core.backends import BACKENDS
from tests.pinn_core.observing import seen

NET = Mlp(width=6, depth=2, activation="tanh")
TWO = Poisson(points_per_axis=6)
"""A problem with two terms; Burgers' equation has three."""
THREE = Burgers(points_x=8, points_t=6)
STEPS = 20


def configuration(problem: Any = TWO, **parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": problem,
            "network": NET,
            "objective": Pinn(lambda_b=10.0),
            "phases": (MConfig(steps=STEPS, learning_rate=1e-2),),
            "record": Record(points=16, gradients_every=3, gradient_points=12, sketch_every=2),
            "precision": "float64",
            **parts,
        }
    )


def gradients(disc: Discretization, theta: ndarray) -> list[ndarray]:
    """Of every term with its weight, by torch's autograd through the network."""
    terms, batch = Pinn().terms(disc), Pinn().batches(disc, [0]).at(0)
    found = []
    for term in terms:
        leaf = torch.from_numpy(theta)[None].requires_grad_()
        with torch.enable_grad():
            loss = term.differentiable_loss(disc, leaf, batch[term.points]).sum()
        (gradient,) = torch.autograd.grad(loss, leaf)
        found.append((1.0 if term.name == "residual" else 10.0) * gradient[0].numpy())
    return found


def conflict_free(means: list[ndarray]) -> ndarray:
    """Equations 2 and 3 of the paper."""
    units = np.stack([mean / np.linalg.norm(mean) for mean in means])
    direction = np.linalg.pinv(units) @ np.ones(len(means))
    direction /= np.linalg.norm(direction)
    result: ndarray = sum(mean @ direction for mean in means) * direction
    return result


def walked(problem: Any, seed: int, one: MConfig) -> list[ndarray]:
    """The parameters of every row, as the authors' code would have them."""
    disc = Discretization(problem, NET, "float64", backend="eager")
    theta = disc.initial(NET, seed).numpy()
    terms = len(Pinn().terms(disc))
    means, seen_of = [np.zeros_like(theta) for _ in range(terms)], [0] * terms
    square, before, made, rows = np.zeros_like(theta), np.zeros_like(theta), 0, [theta]
    for step in range(one.steps):
        due = step % terms
        own = gradients(disc, theta)[due]
        seen_of[due] += 1
        means[due] = one.beta1 * means[due] + (1 - one.beta1) * own
        if all(seen_of):
            made += 1
            corrected = [m / (1 - one.beta1**n) for m, n in zip(means, seen_of, strict=True)]
            direction = conflict_free(corrected)
            now = direction * (1 - one.beta1**made)
            pseudo = (now - one.beta1 * before) / (1 - one.beta1)
            before = now
            square = one.beta2 * square + (1 - one.beta2) * pseudo**2
            size = np.sqrt(square / (1 - one.beta2**made)) + one.epsilon
            rate = one.learning_rate * one.decay ** (step / one.decay_steps)
            theta = theta - rate * direction / size
        rows.append(theta)
    return rows


@pytest.mark.parametrize("problem", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("settings", [{}, {"beta1": 0.5, "beta2": 0.9, "decay": 0.5}])
def test_it_goes_where_the_formulas_go(problem: Any, settings: dict[str, Any]) -> None:
    one = MConfig(steps=STEPS, learning_rate=1e-2, decay_steps=10, **settings)
    record = replace(configuration().record, parameters=5)
    (trained,) = train([Member(configuration(problem, phases=(one,), record=record), 3)])
    expected = walked(problem, 3, one)
    for step in range(0, STEPS + 1, 5):
        np.testing.assert_allclose(trained.parameters[step], expected[step], rtol=0, atol=1e-9)


def test_nothing_moves_before_every_term_was_seen() -> None:
    (trained,) = train([Member(configuration(THREE), 0)])
    moved = trained.table["update/distance"].to_numpy()
    assert not moved[:3].any()
    assert (moved[3:] > 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_alone_packed_or_resumed_the_bits_are_the_same(
    backend: str, precision: Any, tmp_path: Path
) -> None:
    pack = [
        Member(
            configuration(precision=precision, phases=(MConfig(steps=9, learning_rate=rate),)), seed
        )
        for seed, rate in enumerate([1e-2, 3e-3, 1e-3])
    ]
    together = [one.digest() for one in train(pack, backend=backend)]
    assert [train([member], backend=backend)[0].digest() for member in pack] == together
    half, rest = (Checkpointing(Folder(tmp_path), every_steps(n)) for n in (5, 99))
    train(pack, backend=backend, checkpointing=half, stop_after=5)  # between two turns
    resumed = train(pack, backend=backend, checkpointing=rest)
    assert [one.digest() for one in resumed] == together


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_makes_one_terms_gradient_and_all_losses(backend: str) -> None:
    disc = Discretization(THREE, NET, "float32", backend=backend)
    theta = torch.stack([disc.initial(NET, seed).float() for seed in range(2)])
    terms, batch = Pinn().terms(disc), Pinn().batches(disc, [0, 1]).at(0)
    whole = evaluate(terms, disc, theta, batch)
    for turn, own in enumerate(terms):
        found = evaluate(terms, disc, theta, batch, turn=turn)
        for name, term in found.terms.items():
            assert torch.equal(term.loss, whole.terms[name].loss)
            there = whole.terms[name].gradient if name == own.name else torch.zeros_like(theta)
            assert torch.equal(term.gradient, there)
        assert all(torch.equal(found.values[name], table) for name, table in whole.values.items())


def test_gradients_and_probes_are_recorded_of_all_terms() -> None:
    probe = AlignmentScore(every=3)
    record = replace(configuration().record, probes=(probe,), gradient_points=1000)
    both = [
        train([Member(configuration(record=record, phases=(phase,)), 0)])[0].table.to_pylist()
        for phase in (MConfig(steps=4), Adam(steps=4))
    ]
    for column in ("gradient/norm_boundary", "gradient/cosine", "loss/residual", "loss/batch"):
        turning, adam = (rows[0][column] for rows in both)
        assert turning == pytest.approx(adam, rel=1e-12)
        assert turning != 0
    assert both[0][0]["alignment_score/terms"] == pytest.approx(
        both[1][0]["alignment_score/terms"], rel=1e-9
    )
    assert [row["loss/residual"] is None for row in both[0]] == [False, True, True, False, True]


def test_a_round_of_all_terms_counts_as_one_evaluation() -> None:
    (trained,) = train([Member(configuration(THREE, phases=(MConfig(steps=6), Adam(steps=2))), 0)])
    counted = trained.table["work/evaluations"].to_numpy()
    np.testing.assert_allclose(counted, [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2, 3, 4])


def test_what_a_line_search_found_last_is_no_gradient_of_one_term(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pack = [Member(configuration(phases=(LBFGS(steps=3), MConfig(steps=4))), 0)]
    (found,) = train(pack)
    monkeypatch.setattr(TrainedLoss, "_line_search_cache", lambda *_: None)
    assert train(pack)[0].digest() == found.digest()


def test_one_vector_of_each_term_is_planned_for() -> None:
    one = configuration(THREE)
    assert state_bytes(one, one.phases[0]) == (2 + 3) * 8 * one.stack().size
    state = one.phases[0].start_terms(torch.zeros(4, 5), 3)
    assert [table.shape for table in state.values()] == [(4, 5)] * 3


@pytest.mark.parametrize(
    "parts",
    [
        {"objective": Pinn(lambda_b=10.0, batch=12)},
        {"objective": Pinn(batch=12, points="r3")},
        {"weighting": Ntk(period=2)},
        {"weighting": Brdr()},
        {"data": (seen(THREE),)},
        {"phases": (Adam(steps=3), MConfig(steps=7), Adam(steps=2))},
    ],
)
def test_it_goes_together_with_other_parts(parts: dict[str, Any]) -> None:
    pack = [Member(configuration(THREE, **parts), seed) for seed in range(2)]
    together = train(pack)
    assert [train([member])[0].digest() for member in pack] == [one.digest() for one in together]
    losses = [one.table["loss/batch"].to_numpy() for one in together]
    assert all(np.isfinite(each).all() and each[-1] != each[0] for each in losses)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"objective": Regression()}, "allowed: 2 terms or more, found 1 .objective regression"),
        (
            {"constraints": "hard"},
            "allowed: 2 terms or more, found 1 .objective pinn, problem poisson, constraints hard",
        ),
        ({"aggregation": ConFIG()}, "found aggregation config, allowed: sum"),
        ({"objective": Pinn(l2=1e-4)}, "found objective.l2 0.0001, allowed: 0.0"),
        ({"record": Record(conflict=True)}, "found record.conflict True, allowed: False"),
        ({"alignment": GUA()}, "metric, which m_config does not offer"),
    ],
)
def test_what_has_no_meaning_for_it_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configuration(**parts)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be > 0, found 0.0"),
        ({"beta1": 1.0}, "beta1 must be < 1, found 1.0"),
        ({"beta2": -0.1}, "beta2 must be >= 0, found -0.1"),
        ({"decay": 0.0}, "decay must be > 0, found 0.0"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        MConfig(**wrong)
