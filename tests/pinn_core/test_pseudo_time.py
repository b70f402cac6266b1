"""Pseudo-time against plain torch and its formulas in numpy."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives.pseudo_time import PseudoTime, time_signs
from pinn_core.optimizers import LBFGS, LevenbergMarquardt, StepContext
from pinn_core.problems import (
    Burgers,
    Cavity,
    GrayScott,
    Heat,
    KuramotoSivashinsky,
    Poisson,
    Wave,
)
from pinn_core.testing import check
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.pack import Pack

BURGERS, HEAT = Burgers(points_x=8, points_t=6), Heat(points_per_axis=6)
NET = Mlp(width=6, depth=2, activation="tanh")
STEPS = 7


def configuration(objective: Pinn, **parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": BURGERS,
            "network": NET,
            "objective": objective,
            "phases": (Adam(steps=STEPS, learning_rate=1e-2),),
            "record": Record(points=16, gradients_every=3, gradient_points=12, sketch_every=2),
            "precision": "float64",
            **parts,
        }
    )


def network(theta: Tensor, points: Tensor) -> Tensor:
    at, h, inputs = 0, points, points.shape[1]
    for place, (fan_in, fan_out) in enumerate([(inputs, 6), (6, 6), (6, 1)]):
        weights = theta[at : at + fan_in * fan_out].view(fan_out, fan_in)
        at += fan_in * fan_out
        h = h @ weights.T + theta[at : at + fan_out]
        at += fan_out
        h = h.tanh() if place < 2 else h
    return h[:, 0]


def slopes(values: Tensor, points: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(values.sum(), points, create_graph=True)[0].unbind(1)


def residual(problem: Any, theta: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """u and r of Burgers' equation and of the heat equation, whose residual has -u_t."""
    points = points.clone().requires_grad_()
    u = network(theta, points)
    first = slopes(u, points)
    second = [slopes(each, points)[axis] for axis, each in enumerate(first)]
    if problem is BURGERS:
        return u, first[1] + u * first[0] - BURGERS.nu * second[0]
    return u, second[0] + second[1] - first[2]


@pytest.mark.parametrize("every", [0, 2])
@pytest.mark.parametrize(("problem", "sign"), [(BURGERS, 1.0), (HEAT, -1.0)])
def test_adam_goes_where_torchs_own_adam_goes_on_the_formula(
    problem: Any, sign: float, every: int
) -> None:
    objective = PseudoTime(lambda_b=10.0, pseudo_weight=3.0, adapt_every=every)
    one = configuration(objective, problem=problem)
    pack = Pack([one], [5], "cpu", 1, "auto")
    theta = pack.state.parameters[0, : pack.disc.size].clone().requires_grad_()
    walk = torch.optim.Adam([theta], lr=1e-2)
    batch = pack.objective.batches(pack.disc, [5]).at(0)
    inside = batch["interior"].coordinates[0]
    before, weight = theta.detach().clone(), 3.0
    for step in range(STEPS):
        walk.zero_grad()
        u, r = residual(problem, theta, inside)
        u_prev, r_prev = (each.detach() for each in residual(problem, before, inside))
        if every and step and step % every == 0:
            ratio = (r - r_prev).norm() / ((u - u_prev).norm() + 1e-8)
            weight = 0.9 * weight + 0.1 * ratio.clamp(1e-2, 1e2).item()
        loss = (r + sign * weight * (u - u_prev)).square().mean()
        for name in pack.disc.conditions:
            own = batch[name]
            away = (network(theta, own.coordinates[0]) - own["target"][0, :, 0]).square()
            share = own["share"][0, :, 0] if "share" in own.tables else torch.ones(())
            loss = loss + 10.0 * (share * away).mean()
        before = theta.detach().clone()
        loss.backward()  # type: ignore[no-untyped-call]
        walk.step()
    (trained,) = train([Member(one, 5)])
    assert np.allclose(trained.parameters[STEPS], theta.detach(), rtol=1e-8, atol=1e-10)


def test_weights_follow_the_rule_with_phi_falling_as_the_loss_does() -> None:
    problem = GrayScott(points_x=8, points_t=6, end=0.1)
    disc = Discretization(problem, NET, "float64")
    state: dict[str, Tensor] = {}
    batches = PseudoTime(pseudo_weight=0.5, adapt_every=1).batches(disc, [0, 1], state)
    start = torch.stack([disc.initial(NET, seed) for seed in (0, 1)])
    thetas = [30 * start, 0.2 * start, 0.19 * start, 0.18 * start]
    expected, values, residuals, losses, phis = np.full((2, 2), 0.5), [], [], [], []
    for step, theta in enumerate(thetas):
        batch = batches.at(step, theta)
        u, r = (each.numpy() for each in disc.residual(theta, batch["interior"]))
        plain = Pinn().evaluate(disc, theta, Pinn().batches(disc, [0, 1]).at(0)).terms
        losses.append(sum(each.loss.numpy() for each in plain.values()))
        if step:
            fallen = np.log10(losses[0] / losses[-1])
            share = np.clip((fallen - 2) / 4, 0, 1)
            phis.append(0.1 + 0.9 * (1 + np.cos(math.pi * share)) / 2)
            far = np.linalg.norm(u - values[-1], axis=1) + 1e-8
            ratio = phis[-1][:, None] * np.linalg.norm(r - residuals[-1], axis=1) / far
            expected = 0.9 * expected + 0.1 * np.clip(ratio, 1e-2, 1e2)
        found = batch["interior"]["pseudo/weight"]
        assert np.allclose(found, np.broadcast_to(expected[:, None], found.shape), rtol=1e-9)
        previous = values[-1] if step else u
        assert np.allclose(batch["interior"]["pseudo/previous"], previous, rtol=1e-9, atol=1e-12)
        values.append(u)
        residuals.append(r)
    assert (np.array(phis) < 0.99).any()


@pytest.mark.parametrize(
    "parts",
    [
        {"adapt_every": 2},
        {"adapt_every": 2, "batch": 14, "points": "r3"},
        {"batch": 14, "points": "uniform", "l2": 1e-3},
        {"batch": 14},
    ],
)
def test_pseudo_time_keeps_the_contract_of_objectives(parts: dict[str, Any]) -> None:
    check(PseudoTime(**parts))


@pytest.mark.parametrize(
    "phase", [LBFGS(steps=4), LevenbergMarquardt(steps=4)], ids=lambda phase: phase.kind
)
def test_line_searches_and_squares_see_what_the_gradient_is_of(phase: Any, tmp_path: Path) -> None:
    seen: list[tuple[StepContext, Any]] = []

    class Seeing(type(phase)):  # type: ignore[misc]
        def update(self, *arguments: Any) -> Tensor:
            context = arguments[2]
            rows, jacobian = context.residuals([0, 1])
            ahead = 1e-6 * context.gradient
            curved = context.products(context.gradient, [0, 1])
            there = context.evaluate(context.parameters + ahead, [0, 1])
            kept = replace(context, parameters=context.parameters.clone())
            seen.append((kept, (rows, jacobian, curved, ahead, there)))
            return super().update(*arguments)

    one = configuration(PseudoTime(lambda_b=10.0, pseudo_weight=2.0), phases=(phase,))
    pack = Pack([one, one], [0, 1], "cpu", 1, "auto")
    pack.optimizer = Seeing(**vars(phase))
    for step in range(3):
        pack.advance(step)
    for context, (rows, jacobian, curved, ahead, (loss, gradient)) in seen:
        assert torch.allclose(rows.square().sum(1), context.loss, rtol=1e-11)
        by_rows = 2 * (jacobian.mT @ rows[..., None])[..., 0]
        size = by_rows.shape[1]
        assert torch.allclose(by_rows, context.gradient[:, :size], rtol=1e-8, atol=1e-10)
        risen = (ahead * (context.gradient + gradient) / 2).sum(1)
        assert torch.allclose(loss - context.loss, risen, rtol=1e-4)
        turned = gradient - context.gradient
        assert ((1e-6 * curved - turned).norm(dim=1) < 1e-3 * turned.norm(dim=1)).all()

    pack_of = [Member(one, seed) for seed in range(3)]
    together = [trajectory.digest() for trajectory in train(pack_of)]
    assert [train([member])[0].digest() for member in pack_of] == together
    folder = Folder(tmp_path)
    train(pack_of, checkpointing=Checkpointing(folder, every_steps(2)), stop_after=2)
    again = train(pack_of, checkpointing=Checkpointing(folder, every_steps(100)))
    assert [trajectory.digest() for trajectory in again] == together


def test_losses_but_the_batchs_are_of_the_residual_itself() -> None:
    record = Record(points=16, gradients_every=3, parameters=1)
    one = configuration(PseudoTime(lambda_b=10.0, pseudo_weight=50.0), record=record)
    pack = Pack([one], [0], "cpu", 1, "auto")
    (trained,) = train([Member(one, 0)], stop_after=3)
    rows = trained.table.to_pylist()
    assert [row["loss/residual"] is None for row in rows] == [False, True, True, False]
    inside = pack.disc.interior.coordinates[0]
    here, before = (torch.from_numpy(trained.parameters[row]) for row in (3, 2))
    (u, r), (u_prev, _) = (residual(BURGERS, theta, inside) for theta in (here, before))
    plain, pseudo = r.square().mean().item(), (r + 50 * (u - u_prev)).square().mean().item()
    assert rows[3]["loss/residual"] == pytest.approx(plain, rel=1e-9)
    assert rows[0]["loss/batch"] == pytest.approx(rows[0]["loss/total"], rel=1e-12)
    added = rows[3]["loss/batch"] - rows[3]["loss/total"]
    assert added == pytest.approx(pseudo - plain, rel=1e-9)


def test_signs_are_those_of_the_time_derivative() -> None:
    assert time_signs(HEAT) == (-1.0,)
    assert time_signs(BURGERS) == (1.0,)
    assert time_signs(KuramotoSivashinsky()) == (1.0, 0.0)


@pytest.mark.parametrize("problem", [Poisson(), Wave(), Cavity()], ids=lambda problem: problem.kind)
def test_problems_without_a_first_derivative_in_time_are_refused(problem: Any) -> None:
    with pytest.raises(
        ValueError, match=f"takes equations of first order .* found problem {problem.kind}"
    ):
        configuration(PseudoTime(), problem=problem)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pseudo_weight": 0.0}, "pseudo_weight must be > 0, found 0.0"),
        ({"pseudo_weight": math.inf}, "pseudo_weight must be > 0, found inf"),
        ({"adapt_every": -1}, "adapt_every must be >= 0, found -1"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PseudoTime(**fields)
