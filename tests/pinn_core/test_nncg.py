"""NysNewton-CG: its preconditioner, its linear solver, and the walk of both down a loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Checkpointing, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives import Batch, Regression
from pinn_core.optimizers import LBFGS, NNCG
from pinn_core.optimizers.conjugate_gradients import conjugate_gradients
from pinn_core.optimizers.nystrom import nystrom, preconditioned, probes
from pinn_core.optimizers.stopping import GRADIENT, NO_DESCENT, NOT_FINITE, RUNNING
from pinn_core.problems import Burgers, Helmholtz, Poisson
from pinn_core.training.checkpoint import Folder, every_steps
from pinn_core.training.hessian_products import HessianProducts
from pinn_core.training.loss_weights import LossWeights
from pinn_core.weightings import Causal, Fixed, Weighting
from tests.pinn_core.walking import Walk, fit, rosenbrock
from tests.pinn_core.weighing import weighed

NET = Mlp(width=5, depth=2, activation="tanh", init="glorot")


def matrix(eigenvalues: list[float]) -> Tensor:
    size = len(eigenvalues)
    random = np.random.default_rng(1).standard_normal((size, size))
    q = torch.from_numpy(np.linalg.qr(random)[0])
    return q @ torch.diag(torch.tensor(eigenvalues).double()) @ q.T


def approximated(h: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    rows = probes(0, 0, rank, h[0])
    return nystrom(rows, (rows @ h).contiguous())


def dense(basis: Tensor, eigenvalues: Tensor, mu: float) -> Tensor:
    """The preconditioner's inverse as a matrix, column by column."""
    columns = torch.eye(basis.shape[1], dtype=basis.dtype)
    return torch.stack([preconditioned(basis, eigenvalues, mu, own) for own in columns], dim=1)


def test_at_full_rank_the_preconditioner_is_the_inverse() -> None:
    h = matrix([1e4, 300.0, 20.0, 1.0, 0.1, 0.0])
    basis, eigenvalues = approximated(h, 60)
    assert basis.shape == (6, 6)
    assert torch.allclose(eigenvalues, torch.linalg.eigvalsh(h).flip(0).clamp_min(0), atol=1e-8)
    expected = torch.linalg.inv(h + 0.01 * torch.eye(6).double())
    found = dense(basis, eigenvalues, 0.01) / (eigenvalues[-1] + 0.01)
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_a_rank_below_that_of_the_matrix_takes_its_largest_eigenvalues_away() -> None:
    spectrum = [10.0 ** (4 - 0.5 * k) for k in range(24)]
    h, mu = matrix(spectrum), 1e-2
    basis, eigenvalues = approximated(h, 16)
    assert torch.allclose(basis @ basis.T, torch.eye(16).double(), atol=1e-10)
    assert torch.allclose(eigenvalues[:6], torch.tensor(spectrum[:6]).double(), rtol=0.02)
    damped = h + mu * torch.eye(24).double()
    condition = torch.linalg.cond(damped)
    eased = torch.linalg.eigvals(dense(basis, eigenvalues, mu) @ damped).real
    assert condition > 1e5 and eased.max() / eased.min() < 30


def test_a_matrix_with_negative_eigenvalues_gives_a_positive_preconditioner() -> None:
    basis, eigenvalues = approximated(matrix([100.0, 10.0, 1.0, -0.5, -3.0, 0.0]), 4)
    assert (eigenvalues >= 0).all() and eigenvalues.isfinite().all()
    assert torch.linalg.eigvalsh(dense(basis, eigenvalues, 0.1)).min() > 0
    exact, values = approximated(matrix([100.0, 10.0, 1.0, -0.5, -3.0, 0.0]), 6)
    assert torch.allclose(values[:3], torch.tensor([100.0, 10.0, 1.0]).double(), atol=1e-8)
    assert (values[3:] < 1e-8).all() and exact.isfinite().all()


def test_nothing_known_preconditions_nothing() -> None:
    for bad in (0.0, float("nan"), float("inf")):
        rows = probes(0, 0, 3, torch.zeros(8))
        basis, eigenvalues = nystrom(rows, torch.full_like(rows, bad))
        vector = torch.arange(8.0)
        assert torch.equal(preconditioned(basis, eigenvalues, 0.1, vector), vector)


def test_conjugate_gradients_solve_what_numpy_solves() -> None:
    tables = [matrix([10.0 ** (3 - k) for k in range(6)]), matrix([1.0] * 6), matrix([0.0] * 6)]
    right = torch.from_numpy(np.random.default_rng(2).standard_normal((3, 6)))
    right[2] = 0.0  # solved from the start

    def times(vectors: Tensor, places: list[int]) -> Tensor:
        return torch.stack(
            [tables[place] @ own for place, own in zip(places, vectors, strict=True)]
        )

    solved = conjugate_gradients(
        times, right, torch.zeros_like(right), lambda v, _: v.clone(), tolerance=1e-11, most=50
    )
    for place in (0, 1):
        expected = np.linalg.solve(tables[place].numpy(), right[place].numpy())
        assert np.allclose(solved.solution[place].numpy(), expected, rtol=1e-9)
    assert solved.products[0] > 6 and solved.products[1:] == [2, 1]
    few = conjugate_gradients(
        times, right, torch.zeros_like(right), lambda v, _: v.clone(), tolerance=0.0, most=3
    )
    assert few.products[0] == 4


def test_a_preconditioner_saves_products() -> None:
    h, mu = matrix([10.0 ** (4 - 0.5 * k) for k in range(24)]), 1e-2
    basis, eigenvalues = approximated(h, 16)
    right = torch.linspace(-1, 1, 24).double()[None]

    def damped(vectors: Tensor, _: list[int]) -> Tensor:
        return vectors @ h + mu * vectors

    def eased(vectors: Tensor, _: list[int]) -> Tensor:
        return preconditioned(basis, eigenvalues, mu, vectors[0])[None]

    options: dict[str, Any] = {"tolerance": 1e-10, "most": 500}
    plain = conjugate_gradients(
        damped, right, torch.zeros_like(right), lambda v, _: v.clone(), **options
    )
    found = conjugate_gradients(damped, right, torch.zeros_like(right), eased, **options)
    assert torch.allclose(plain.solution, found.solution, rtol=1e-6, atol=1e-8)
    assert 2 * found.products[0] < plain.products[0]


def test_a_quadratic_takes_one_step() -> None:
    h, centre = matrix([1000.0, 30.0, 1.0, 0.1]), torch.arange(4.0).double()
    bowl = lambda theta: ((theta - centre) @ h @ (theta - centre)) / 2  # noqa: E731
    walk = Walk(NNCG(mu=1e-9, rank=4), [bowl], torch.ones(1, 4).double())
    assert torch.allclose(walk.walk(1)[0, 0], centre, atol=1e-7)
    assert walk.state["evaluations"].tolist() == [1]
    assert 4 + 2 <= int(walk.state["products"][0]) < 30


def test_a_damped_step_is_the_dense_solution() -> None:
    theta = torch.linspace(-1, 1, 25).double().sin()[None]
    walk = Walk(NNCG(mu=4.0, cg_tolerance=1e-13), [fit], theta)
    (moved,) = walk.walk(1)[0] - theta
    h = torch.autograd.functional.hessian(fit, theta[0])
    _, gradient = walk.evaluate(theta, [0])
    assert torch.linalg.eigvalsh(h)[0] + 4.0 > 0
    expected = -torch.linalg.solve(h + 4.0 * torch.eye(25).double(), gradient[0])
    assert torch.allclose(moved, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_members_bits_are_their_own_and_each_stops_for_a_reason(dtype: torch.dtype) -> None:
    pit = lambda theta: theta.sum() + 1e6 * (theta != 1).any() + 0 * rosenbrock(theta)  # noqa: E731
    losses = [fit, lambda theta: theta.square().sum().log(), rosenbrock, pit, rosenbrock]
    theta = torch.linspace(-1, 1, 125).reshape(5, 25).sin().to(dtype)
    theta[1], theta[3:] = 0.0, 1.0
    optimizer = NNCG(rank=8, update_every=3, cg_iterations=40)
    together = Walk(optimizer, losses, theta)
    path = together.walk(8)
    assert together.state["stopped"].tolist() == [
        RUNNING, NOT_FINITE, RUNNING, NO_DESCENT, GRADIENT
    ]  # fmt: skip
    for member in (0, 2):
        falling = torch.stack([losses[member](own) for own in path[:, member]])
        assert (falling.diff() < 0).all()

    alone = Walk(optimizer, losses[:1], theta[:1])
    assert torch.equal(alone.walk(8), path[:, :1])
    assert all(torch.equal(v, together.state[n][:1]) for n, v in alone.state.items())


def test_along_negative_curvature_it_still_descends() -> None:
    saddle = lambda theta: theta[0] ** 2 - theta[1] ** 2 + theta[1] ** 4  # noqa: E731
    walk = Walk(NNCG(mu=1e-3, rank=2), [saddle], torch.tensor([[0.5, 1e-3]]).double())
    path = walk.walk(40)[:, 0]
    assert torch.stack([saddle(own) for own in path]).diff().max() < 1e-12
    assert torch.allclose(path[-1].abs(), torch.tensor([0.0, 0.5**0.5]).double(), atol=1e-3)


def curved(
    problem: Any, objective: Any, weighting: Weighting, constraints: Any
) -> tuple[Discretization, LossWeights, Batch]:
    disc = Discretization(problem, NET, "float64", backend="eager", constraints=constraints)
    batch = objective.batches(disc, [0, 1]).at(3)
    weights = {
        name: torch.tensor([value, 2 * value]).double()
        for name, value in objective.weights(disc).items()
    }
    return disc, weighed(disc, weighting, weights, batch), batch


@pytest.mark.parametrize(
    ("problem", "objective", "weighting", "constraints"),
    [
        (Helmholtz(points_per_axis=6), Pinn(lambda_b=3.0), Fixed(), "hard"),
        (Burgers(points_x=8, points_t=6), Pinn(batch=20), Causal(chunks=4), "soft"),
        (Burgers(points_x=8, points_t=6), Regression(batch=20), Fixed(), "soft"),
    ],
    ids=["hard", "factors", "regression"],
)
def test_products_are_differences_of_what_is_optimised(
    problem: Any, objective: Any, weighting: Weighting, constraints: Any
) -> None:
    disc, loss_weights, batch = curved(problem, objective, weighting, constraints)
    theta = torch.stack([disc.initial(NET, seed) for seed in (0, 1)])

    def gradient(at: Tensor, first: bool = False) -> Tensor:
        factors = loss_weights.factors if first else loss_weights.factors_again([0, 1])
        return loss_weights.total(objective.evaluate(disc, at, batch, factors))[1]

    gradient(theta, first=True)
    vectors = torch.linspace(-1, 1, theta.numel()).double().reshape(theta.shape).sin()
    products = HessianProducts(disc, loss_weights, batch, theta)
    found = products(vectors, [0, 1])
    step = 1e-5
    expected = (gradient(theta + step * vectors) - gradient(theta - step * vectors)) / (2 * step)
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6 * float(expected.abs().max()))
    assert torch.equal(products(vectors[1:], [1]), found[1:])
    assert torch.equal(
        HessianProducts(disc, loss_weights, batch, theta)(vectors[1:], [1]), found[1:]
    )


def small(steps: int, **changes: Any) -> Configuration:
    one = Configuration(
        problem=Poisson(points_per_axis=20, c=2.0),
        network=NET,
        objective=Pinn(lambda_b=1.0),
        phases=(
            Adam(steps=30, learning_rate=1e-2),
            LBFGS(steps=20),
            NNCG(steps=steps, rank=10, cg_iterations=40),
        ),
        record=Record(points=20, gradient_points=20, sketch_every=0),
    )
    return replace(one, **changes)


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_a_small_pinns_loss_falls_strictly(precision: Any) -> None:
    (run,) = train([Member(small(5, precision=precision), 1)])
    losses = np.array(run.table["loss/batch"].to_pylist()[50:])
    assert (np.diff(losses) < 0).all() and losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
def test_trainings_are_the_same_alone_packed_and_resumed(tmp_path: Any) -> None:
    one = small(1, phases=(NNCG(steps=4, rank=6, update_every=3, cg_iterations=20),))
    other = replace(one, phases=(replace(one.phases[0], mu=0.1),))
    members = [Member(one, 0), Member(other, 0), Member(one, 5)]
    together = train(members)
    for member, run in zip(members, together, strict=True):
        assert train([member])[0].digest() == run.digest()
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(2))
    train(members, checkpointing=checkpointing, stop_after=2)
    resumed = train(members, checkpointing=checkpointing)
    assert [run.digest() for run in resumed] == [run.digest() for run in together]


@pytest.mark.parametrize(
    ("field", "value"), [("mu", 0.0), ("rank", 0), ("shrink", 1.0), ("cg_tolerance", -1.0)]
)
def test_bad_fields_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must be .* found"):
        NNCG(**{field: value})  # type: ignore[arg-type]
