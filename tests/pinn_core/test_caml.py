"""CAML's offset and its delayed residual, against its formulas with an offset of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Checkpointing, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.objectives import Regression
from pinn_core.optimizers import LastLayerLeastSquares
from pinn_core.problems import Heat, Helmholtz
from pinn_core.training.checkpoint import Folder, every_steps
from pinn_core.training.pack import Pack
from pinn_core.weightings import DelayedResidual

NET = Mlp(width=6, depth=2, activation="tanh")
HEAT, HELMHOLTZ = Heat(points_per_axis=6, a1=98.0, a2=101.0), Helmholtz(points_per_axis=9, k=2.0)
DELAY = DelayedResidual(delay=3, ramp=4)
STEPS, WEIGHT = 12, 10.0


def offset(**fields: Any) -> LastLayerLeastSquares:
    return LastLayerLeastSquares(
        **{"solved": "constants", "steps": STEPS + 1, "learning_rate": 1e-2, **fields}
    )


def configuration(problem: Any = HEAT, **parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": problem,
            "network": NET,
            "objective": Pinn(lambda_b=WEIGHT),
            "phases": (offset(),),
            "record": Record(points=16, gradient_points=12, sketch_every=2, parameters=1),
            "precision": "float64",
            **parts,
        }
    )


def network(theta: Tensor, points: Tensor) -> Tensor:
    at, h = 0, points
    for fan_in, fan_out in [(points.shape[1], 6), (6, 6), (6, 1)]:
        weights = theta[at : at + fan_in * fan_out].view(fan_out, fan_in)
        at += fan_in * fan_out
        h = h @ weights.T + theta[at : at + fan_out]
        at += fan_out
        h = h.tanh() if fan_out == 6 else h
    return h[:, 0]


def second(values: Tensor, points: Tensor, axis: int) -> Tensor:
    (first,) = torch.autograd.grad(values.sum(), points, create_graph=True)
    return torch.autograd.grad(first[:, axis].sum(), points, create_graph=True)[0][:, axis]


def residual(problem: Any, theta: Tensor, points: Tensor) -> tuple[Tensor, float]:
    """At the network without an offset, and the factor of u in it."""
    points = points.clone().requires_grad_()
    u = network(theta, points)
    if problem is HEAT:
        (first,) = torch.autograd.grad(u.sum(), points, create_graph=True)
        return second(u, points, 0) + second(u, points, 1) - first[:, 2], 0.0
    waves = torch.sin(problem.a1 * torch.pi * points[:, 0])
    waves = waves * torch.sin(problem.a2 * torch.pi * points[:, 1])
    square = problem.k**2
    source = (square - (problem.a1**2 + problem.a2**2) * torch.pi**2) * waves
    return second(u, points, 0) + second(u, points, 1) + square * u - source, square


def walked(problem: Any, delay: DelayedResidual | None, one: Configuration) -> list[Tensor]:
    """Parameters with c in the last bias, of every step of CAML, whose c no gradient passes."""
    pack = Pack([one], [5], "cpu", 1, "auto")
    theta = pack.state.parameters[0, : pack.disc.size].clone().requires_grad_()
    walk = torch.optim.Adam([theta], lr=1e-2)
    batch, rows = pack.objective.batches(pack.disc, [5]).at(0), []
    for step in range(STEPS):
        # The first step sets the constants alone; constants are set by the weights of their step.
        before, share = (delay.share(step + at) if delay else 1.0 for at in (0, 1))
        walk.zero_grad()
        r, gamma = residual(problem, theta, batch["interior"].coordinates[0])
        falls, squares, terms = before * gamma * r.detach().mean(), before * gamma**2, []
        for name in pack.disc.conditions:
            own = batch[name]
            s = network(theta, own.coordinates[0]) - own["target"][0, :, 0]
            shares = own["share"][0, :, 0] if "share" in own.tables else torch.ones_like(s)
            falls = falls + WEIGHT * (shares * s.detach()).mean()
            squares = squares + WEIGHT * shares.mean()
            terms.append((shares, s))
        c = -falls / squares
        with torch.no_grad():
            shifted = theta.clone()
            shifted[-1] += c
            rows.append(shifted)
        loss = share * (r + gamma * c).square().mean()
        loss = loss + WEIGHT * sum((shares * (s + c).square()).mean() for shares, s in terms)
        loss.backward()  # type: ignore[no-untyped-call]
        walk.step()
    return rows


@pytest.mark.parametrize("delay", [None, DELAY], ids=["offset", "offset and delay"])
@pytest.mark.parametrize("problem", [HEAT, HELMHOLTZ], ids=["gamma 0", "gamma 4"])
def test_the_constants_in_the_last_layer_are_camls_offset(
    problem: Any, delay: DelayedResidual | None
) -> None:
    weighting = {} if delay is None else {"weighting": delay}
    one = configuration(problem, **weighting)
    (trained,) = train([Member(one, 5)])
    for step, expected in enumerate(walked(problem, delay, one), start=1):
        found = trained.parameters[step]
        assert np.allclose(found, expected.numpy(), rtol=1e-7, atol=1e-8), step


def test_the_first_step_takes_the_outputs_to_the_solutions_level() -> None:
    (trained,) = train([Member(configuration(), 0)])
    error = trained.table["error/relative_l2"].to_numpy()
    assert error[0] > 0.99 and error[1] < 0.3


def test_constants_that_are_set_once_are_left_to_adam() -> None:
    """The control: it starts at the level, and nothing more."""
    one = configuration(phases=(offset(steps=1), Adam(steps=3, learning_rate=1e-2)))
    (trained,) = train([Member(one, 0)])
    moved = np.abs(trained.parameters[4] - trained.parameters[1])
    assert 0 < moved[-1] <= 3.001e-2
    assert np.array_equal(trained.parameters[1][:-1], trained.parameters[0][:-1])


def test_few_points_are_enough_for_the_constants() -> None:
    wide = Mlp(width=60, depth=2)
    one = configuration(network=wide, objective=Pinn(batch=20))
    assert len(train([Member(one, 0)], stop_after=2)[0].table) == 3
    with pytest.raises(ValueError, match="batches of 20 residuals, drawn anew in every step"):
        configuration(network=wide, objective=Pinn(batch=20), phases=(LastLayerLeastSquares(),))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_alone_packed_or_resumed_the_bits_are_the_same(precision: Any, tmp_path: Path) -> None:
    one = configuration(precision=precision, weighting=DELAY, phases=(Adam(steps=2), offset()))
    pack = [Member(one, seed) for seed in range(3)]
    alone = [train([member])[0].digest() for member in pack]
    assert [each.digest() for each in train(pack)] == alone
    half, rest = (Checkpointing(Folder(tmp_path), every_steps(n)) for n in (5, 99))
    train(pack, checkpointing=half, stop_after=5)  # within the ramp
    assert [each.digest() for each in train(pack, checkpointing=rest)] == alone


def test_the_delayed_residual_is_recorded_with_its_weight_and_costs_no_evaluation() -> None:
    one = configuration(phases=(Adam(steps=STEPS, learning_rate=1e-3),), weighting=DELAY)
    (trained,) = train([Member(one, 0)])
    rows = trained.table.to_pylist()
    expected = [0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]
    assert [row["weight/residual"] for row in rows] == expected
    assert {row["weight/boundary"] for row in rows} == {WEIGHT}
    assert all(row["loss/residual"] > 0 for row in rows)
    assert rows[0]["loss/batch"] == pytest.approx(
        WEIGHT * sum(rows[0][f"loss/{name}"] for name in HEAT.conditions)
    )
    assert [row["work/evaluations"] for row in rows] == list(range(STEPS + 1))


def test_the_delayed_residual_needs_a_residual_and_sound_steps() -> None:
    with pytest.raises(ValueError, match="delay must be >= 0, found -1"):
        DelayedResidual(delay=-1)
    with pytest.raises(ValueError, match=r"acts on the term 'residual'.* found regression"):
        DelayedResidual().start({"regression": 9}, torch.ones(1, 1))
    fitted = configuration(objective=Regression(), weighting=DELAY, phases=(Adam(steps=2),))
    assert train([Member(fitted, 0)])[0].table["loss/batch"][2].is_valid
    assert [DelayedResidual(delay=2, ramp=0).share(step) for step in (1, 2, 3)] == [0, 1, 1]
