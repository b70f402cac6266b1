"""The penalty of weights against its formula, with every optimizer and in any pack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, Regression, train
from pinn_core.aggregations import PCGrad
from pinn_core.configuration import run_id
from pinn_core.networks import ModifiedMlp, ResidualMlp, Siren
from pinn_core.optimizers import LBFGS, OPTIMIZERS, LevenbergMarquardt, Optimizer, StepContext
from pinn_core.probes.sharpness import Sharpness
from pinn_core.problems import Burgers, BurgersInverse
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.footprint import member_needs
from pinn_core.training.pack import Pack
from tests.pinn_core.small import optimizer

BURGERS = Burgers(points_x=8, points_t=6)
L2 = 0.3


def configuration(l2: float = L2, **parts: Any) -> Configuration:
    objective = parts.pop("objective", Pinn(lambda_b=10.0))
    return Configuration(
        **{
            "problem": BURGERS,
            "network": Mlp(width=6, depth=2, activation="tanh"),
            "objective": replace(objective, l2=l2),
            "phases": (Adam(steps=4, learning_rate=1e-2),),
            "record": Record(points=16, gradient_points=12, sketch_every=2),
            "precision": "float64",
            **parts,
        }
    )


def seen(one: Configuration, moved: float = 0.1) -> tuple[StepContext, Any]:
    """What an optimizer sees of a pack of two members, and its numbers at moved parameters."""
    found: list[tuple[StepContext, Any]] = []

    class Seeing(type(one.phases[0])):  # type: ignore[misc]
        def update(self, *arguments: Any) -> Tensor:
            context = arguments[2]
            elsewhere = context.parameters + moved
            there = (*context.evaluate(elsewhere, [0, 1]), context.rows(elsewhere, [0, 1]))
            vector = torch.linspace(-1, 1, elsewhere.shape[1]).double().expand_as(elsewhere)
            curved = context.products(vector, [0, 1])
            kept = replace(context, parameters=context.parameters.clone())
            found.append((kept, (*there, *context.residuals([0, 1]), curved)))
            return torch.zeros_like(context.parameters)

    pack = Pack([one, one], [0, 1], "cpu", 1, "auto")
    pack.optimizer = Seeing(**vars(one.phases[0]))
    pack.advance(0)
    return found[0]


def matrices(shapes: Sequence[tuple[int, int]], size: int) -> np.ndarray:
    """1 at the entries of matrices that stand before their biases, else 0."""
    counted = [[1.0] * fan_in * fan_out + [0.0] * fan_out for fan_in, fan_out in shapes]
    found = np.zeros(size)
    flat = np.concatenate(counted)
    found[: len(flat)] = flat
    return found


LAYERS = [(2, 6), (6, 6), (6, 1)]
CASES: dict[str, tuple[dict[str, Any], list[tuple[int, int]]]] = {
    "plain": ({}, LAYERS),
    "gates": ({"network": ModifiedMlp(width=6, depth=2)}, [*LAYERS, (2, 6), (2, 6)]),
    "factorised": ({"network": Mlp(width=6, depth=2, parametrization="factorised")}, LAYERS),
    "slopes": ({"network": Mlp(width=6, depth=2, parametrization="adaptive")}, LAYERS),
    "siren": ({"network": Siren(width=6, depth=2, omega_first=2.0, omega=2.0)}, LAYERS),
    "module": ({"network": ResidualMlp(width=5, blocks=1)}, [(2, 5), (5, 5), (5, 5), (5, 1)]),
    "unknowns": ({"problem": BurgersInverse(points_x=8, points_t=6)}, LAYERS),
    "regression": ({"objective": Regression(batch="full")}, LAYERS),
}


@pytest.mark.parametrize("name", CASES)
def test_the_penalty_is_its_formula_in_all_that_an_optimizer_sees(name: str) -> None:
    parts, shapes = CASES[name]
    parts = {"phases": (LBFGS(steps=2),), **parts}
    plain, (loss, gradient, _, residuals, jacobian, curved) = seen(configuration(0.0, **parts))
    penal, found = seen(configuration(**parts))
    theta = plain.parameters.numpy()
    counted = matrices(shapes, theta.shape[1])

    def penalty(at: np.ndarray) -> np.ndarray:
        return np.asarray(L2 * (counted * at**2).sum(1))

    assert np.allclose(penal.loss - plain.loss, penalty(theta), rtol=1e-10)
    assert np.allclose(penal.gradient - plain.gradient, 2 * L2 * counted * theta, atol=1e-12)
    assert np.allclose(found[0] - loss, penalty(theta + 0.1), rtol=1e-10)
    slopes = 2 * L2 * counted * (theta + 0.1)
    assert np.allclose(found[1] - gradient, slopes, rtol=1e-9, atol=1e-10)
    vector = np.linspace(-1, 1, theta.shape[1], dtype=np.float32).astype(float)
    assert np.allclose(found[5] - curved, 2 * L2 * counted * vector, atol=1e-8)

    where = np.flatnonzero(counted)
    count = residuals.shape[1]
    assert torch.equal(found[3][:, :count], residuals)
    assert torch.equal(found[4][:, :count], jacobian)
    assert np.allclose(found[3][:, count:], math.sqrt(L2) * theta[:, where], rtol=1e-12)
    assert np.allclose(found[2][:, count:], math.sqrt(L2) * (theta + 0.1)[:, where], rtol=1e-12)
    of_weights = np.eye(jacobian.shape[2])[where]
    assert np.allclose(found[4][:, count:], math.sqrt(L2) * of_weights)


def test_adam_goes_where_torchs_own_adam_goes_on_the_whole_sum() -> None:
    one = configuration()
    pack = Pack([one], [5], "cpu", 1, "auto")
    theta = pack.state.parameters[0, : pack.disc.size].clone().requires_grad_()
    batch = pack.loss.batches.at(0)
    inside, start, ends = (batch[each] for each in ("interior", "initial", "boundary"))
    walk = torch.optim.Adam([theta], lr=1e-2, eps=one.phases[0].epsilon)  # type: ignore[attr-defined]

    def network(points: Tensor) -> tuple[Tensor, Tensor]:
        at, h, squares = 0, points, torch.zeros(()).double()
        for place, (fan_in, fan_out) in enumerate(LAYERS):
            weights = theta[at : at + fan_in * fan_out].view(fan_out, fan_in)
            at += fan_in * fan_out
            h = h @ weights.T + theta[at : at + fan_out]
            at += fan_out
            h = h.tanh() if place < 2 else h
            squares = squares + weights.square().sum()
        return h[:, 0], squares

    def slope(values: Tensor, points: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(values.sum(), points, create_graph=True)[0].unbind(1)

    for _ in range(4):
        walk.zero_grad()
        points = inside.coordinates[0].clone().requires_grad_()
        u, squares = network(points)
        u_x, u_t = slope(u, points)
        u_xx, _ = slope(u_x, points)
        loss = (u_t + u * u_x - BURGERS.nu * u_xx).square().mean() + L2 * squares
        for each in (start, ends):
            own = (network(each.coordinates[0])[0] - each["target"][0, :, 0]).square()
            share = each["share"][0, :, 0] if "share" in each.tables else torch.ones(())
            loss = loss + 10.0 * (share * own).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        walk.step()
    (trained,) = train([Member(one, 5)])
    assert np.allclose(trained.parameters[4], theta.detach(), rtol=1e-9, atol=1e-11)


PENALISED = [
    name
    for name in OPTIMIZERS.names()
    if OPTIMIZERS[name].columns == "all" and not OPTIMIZERS[name].takes_turns
]
"""All but those that refuse a penalty: they solve for the last layer, or make a direction."""


@pytest.mark.parametrize("kind", PENALISED)
def test_every_optimizer_shrinks_the_weights_where_the_penalty_is_all_that_counts(
    kind: str,
) -> None:
    rate = {"learning_rate": 1e-5} if kind == "gradient_descent" else {}
    one = configuration(1e4, phases=(optimizer(kind, steps=30, **rate),))
    record = replace(one.record, parameters=1)
    (trained,) = train([Member(replace(one, record=record), 0)])
    counted = matrices(LAYERS, len(trained.parameters[0])) > 0
    before, after = (np.linalg.norm(trained.parameters[row][counted]) for row in (0, 30))
    assert after < 0.99 * before


def pack_of(phase: Optimizer, precision: str = "float32") -> list[Member]:
    return [
        Member(configuration(l2, phases=(phase,), precision=precision), seed)
        for seed, l2 in enumerate([0.0, 1e-3, 0.5])
    ]


@pytest.mark.parametrize(
    "phase", [Adam(steps=6), LBFGS(steps=6), LevenbergMarquardt(steps=6)], ids=lambda p: p.kind
)
def test_members_differ_in_l2_and_have_the_bits_that_they_have_alone(
    phase: Optimizer, tmp_path: Path
) -> None:
    pack = pack_of(phase)
    together = [trajectory.digest() for trajectory in train(pack)]
    assert len(set(together)) == 3
    assert [train([member])[0].digest() for member in pack] == together
    folder = Folder(tmp_path)
    train(pack, checkpointing=Checkpointing(folder, every_steps(3)), stop_after=3)
    again = train(pack, checkpointing=Checkpointing(folder, every_steps(100)))
    assert [trajectory.digest() for trajectory in again] == together


def test_losses_are_recorded_without_the_penalty() -> None:
    probes = (Sharpness(every=2, products=10),)
    records = Record(curvature_every=2, probes=probes, gradient_points=12)
    (plain,), (penal,) = (
        train([Member(configuration(l2, record=records), 0)], stop_after=1) for l2 in (0.0, L2)
    )
    first, other = plain.table.slice(0, 1).to_pydict(), penal.table.slice(0, 1).to_pydict()
    same = {name for name in first if name.partition("/")[0] in ("loss", "gradient", "curvature")}
    same |= {"sharpness/largest", "sharpness/gradient_share_1"}
    assert {"loss/batch", "loss/total", "curvature/total", "gradient/cosine"} <= same
    assert {name for name in same if first[name] != other[name]} == set()
    assert first["update/norm"] != other["update/norm"]


def test_a_run_without_a_penalty_keeps_its_name() -> None:
    assert Pinn().identity() == {"kind": "pinn"}
    one, other = configuration(0.0), configuration(1e-6)
    assert run_id(one, 0, 1) == run_id(other, 0, 1)  # as named before there was the option
    assert run_id(one, 0) != run_id(other, 0)


def test_the_rows_of_the_penalty_count_as_memory() -> None:
    phases = (LevenbergMarquardt(steps=2),)
    plain, penal = configuration(0.0, phases=phases), configuration(phases=phases)
    assert penal.rows == plain.rows + 12 + 36 + 6
    assert member_needs(penal)["jacobian"] > member_needs(plain)["jacobian"]


@pytest.mark.parametrize("part", [Pinn, Regression])
@pytest.mark.parametrize("l2", [-1e-9, math.nan, math.inf])
def test_a_penalty_that_is_no_number_or_negative_is_refused(part: Any, l2: float) -> None:
    with pytest.raises(ValueError, match=f"l2 must be >= 0, found {l2}"):
        part(l2=l2)


def test_directions_of_terms_alone_are_refused() -> None:
    with pytest.raises(ValueError, match=r"aggregation pcgrad makes .* found objective.l2 0.3"):
        configuration(aggregation=PCGrad())
    assert configuration(0.0, aggregation=PCGrad()).looks_at_conflicts
