from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pinn_core import Heat, Pinn, Regression
from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.propagation import propagate
from tests.pinn_core.packs import configuration

FULL = replace(configuration(precision="float64"), problem=Heat())


def disc() -> Discretization:
    return Discretization(FULL.problem, FULL.network, FULL.precision)


def parameters(on: Discretization, members: int = 2) -> torch.Tensor:
    rows = [FULL.network.initial(3, 1, seed) for seed in range(members)]
    return torch.stack(rows).requires_grad_()


def test_a_batch_has_the_grids_proportion() -> None:
    batch = Pinn(batch=128).batches(disc(), [0, 1]).at(5)
    assert batch["interior"].coordinates.shape == (2, 105, 3)
    assert batch["boundary"].coordinates.shape == (2, 23, 3)


def test_a_full_batch_is_every_collocation_and_supervised_point() -> None:
    thinned = Discretization(Heat(interior_points=600), FULL.network)
    batch = Pinn().batches(thinned, [0]).at(0)
    assert len(batch["interior"]) == 600
    assert len(batch["boundary"]) == 3176
    assert len(Regression(batch="full").batches(thinned, [0]).at(0)["grid"]) == 17_576


def test_batches_are_keyed_by_seed_and_step_alone() -> None:
    on = disc()
    first = Regression(batch=64).batches(on, [4, 5]).at(3)["grid"].coordinates
    again = Regression(batch=64).batches(on, [5, 4]).at(3)["grid"].coordinates
    later = Regression(batch=64).batches(on, [4, 5]).at(4)["grid"].coordinates
    assert torch.equal(first, again.flip(0))
    assert not torch.equal(first, later)


@pytest.mark.parametrize("interior_points", ["all", 600])
def test_sums_are_over_the_grid_whatever_stands_for_it(interior_points: Any) -> None:
    on = Discretization(Heat(interior_points=interior_points), FULL.network)
    assert Pinn(lambda_b=2).weights(on) == {"residual": 1, "boundary": 2}
    assert Pinn(lambda_b=2, reduction="sum").weights(on) == {
        "residual": 14_400,
        "boundary": 2 * 3176,
    }
    assert Regression(batch=64, reduction="sum").weights(on) == {"regression": 17_576}


def test_terms_are_means_with_their_own_gradients() -> None:
    on = disc()
    theta = parameters(on)
    batch = Pinn(batch=32).batches(on, [0, 1]).at(0)
    terms = Pinn(batch=32).evaluate(on, theta, batch).terms
    values = propagate(on.stack, theta, batch["boundary"].coordinates)[:, 0]
    loss = (values - batch["boundary"]["target"]).square().mean((1, 2))
    (gradient,) = torch.autograd.grad(loss.sum(), theta)
    assert torch.allclose(terms["boundary"].loss, loss)
    assert torch.allclose(terms["boundary"].gradient, gradient)
    channels = propagate(on.stack, theta, batch["interior"].coordinates, on.operators)
    loss = on.problem.residual(channels, batch["interior"].coordinates).square().mean((1, 2))
    (gradient,) = torch.autograd.grad(loss.sum(), theta)
    assert torch.allclose(terms["residual"].loss, loss)
    assert torch.allclose(terms["residual"].gradient, gradient)


def test_a_linear_problems_shortcut_gives_what_autograd_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on = disc()
    batch = Pinn(batch=32).batches(on, [0, 1]).at(0)
    short = Pinn(batch=32).evaluate(on, parameters(on), batch).terms["residual"]
    monkeypatch.setattr(Heat, "linear", False)
    full = Pinn(batch=32).evaluate(on, parameters(on), batch).terms["residual"]
    assert torch.equal(short.loss, full.loss)
    assert torch.equal(short.gradient, full.gradient)
