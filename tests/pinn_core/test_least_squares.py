"""Levenberg-Marquardt and SPRING against dense Jacobians and their formulas in numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap

from pinn_core import Configuration, Mlp, Pinn, Regression
from pinn_core.inputs import Periodic
from pinn_core.networks import ModifiedMlp, ResidualMlp
from pinn_core.optimizers import LevenbergMarquardt, Spring, StepContext
from pinn_core.optimizers.damped import SYSTEMS
from pinn_core.optimizers.stopping import GRADIENT, NO_DESCENT, NOT_FINITE, RUNNING
from pinn_core.problems import AllenCahn, Burgers, BurgersInverse, Cavity, KdV
from pinn_core.training.pack import Pack
from pinn_core.weightings import Causal
from tests.pinn_core.rows import BURGERS, configuration


def begun(one: Configuration, backend: str = "auto") -> tuple[Pack, list[StepContext]]:
    """A pack of two members that has made a step, and the context of it."""
    seen: list[StepContext] = []

    class Seeing(type(one.phases[0])):  # type: ignore[misc]
        def update(self, *arguments: Any) -> Tensor:
            context = arguments[2]
            seen.append(replace(context, parameters=context.parameters.clone()))
            return torch.zeros_like(context.parameters)

    phase = Seeing(**vars(one.phases[0]))
    pack = Pack([one, one], [0, 1], "cpu", 1, backend)
    pack.optimizer = phase
    pack.advance(0)
    return pack, seen


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "features": {
        "problem": Burgers(points_x=8, points_t=6, sides="periodic"),
        "inputs": Periodic(),
    },
    "hard": {"constraints": "hard"},
    "gates": {"network": ModifiedMlp(width=6, depth=2)},
    "factorised": {"network": Mlp(width=6, depth=2, parametrization="factorised")},
    "ntk": {"network": Mlp(width=6, depth=2, parametrization="ntk")},
    "partners": {"problem": AllenCahn(points_x=8, points_t=6)},
    "unknowns": {"problem": BurgersInverse(points_x=8, points_t=6)},
    "module": {"network": ResidualMlp(width=5, blocks=1)},
    "several outputs": {"problem": Cavity(points_per_axis=7)},
    "third order": {"problem": KdV(points_x=8, points_t=6)},
    "factors": {"weighting": Causal(chunks=4)},
    "batch": {"objective": Pinn(lambda_b=3.0, batch=40), "phases": (Spring(steps=2),)},
    "regression": {"objective": Regression(batch="full")},
}


@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("name", CASES)
def test_residual_rows_square_to_the_loss_and_their_jacobian_to_its_gradient(
    name: str, backend: str
) -> None:
    pack, (context,) = begun(configuration(**CASES[name]), backend)
    rows, jacobian = context.residuals([0, 1])
    assert jacobian.shape[2] == pack.disc.size  # no padding
    assert torch.allclose(rows.square().sum(1), context.loss, rtol=1e-12)
    slopes = 2 * (jacobian.mT @ rows[..., None])[..., 0]
    size = jacobian.shape[2]
    assert torch.allclose(slopes, context.gradient[:, :size], rtol=1e-9, atol=1e-11)
    assert (context.gradient[:, size:] == 0).all()
    elsewhere = context.rows(context.parameters, [0, 1])
    assert torch.allclose(elsewhere, rows, rtol=1e-9, atol=1e-12)
    alone, its_own = context.residuals([1])
    assert torch.equal(alone, rows[1:]) and torch.equal(its_own, jacobian[1:])


def test_the_jacobian_is_that_of_torch_func() -> None:
    one = configuration(**CASES["features"])
    pack, (context,) = begun(one)
    theta = context.parameters[0, : pack.disc.size]
    inside, start = (pack.loss.batch[name].coordinates[0] for name in ("interior", "initial"))
    shapes, nu = [(3, 6), (6, 6), (6, 1)], BURGERS.nu

    def network(own: Tensor, x: Tensor, t: Tensor) -> Tensor:
        h = torch.stack([(torch.pi * x).cos(), (torch.pi * x).sin(), t])
        at = 0
        for place, (fan_in, fan_out) in enumerate(shapes):
            weights = own[at : at + fan_in * fan_out].reshape(fan_out, fan_in)
            at += fan_in * fan_out
            h = weights @ h + own[at : at + fan_out]
            at += fan_out
            h = h.tanh() if place < 2 else h
        return h[0]

    def residual(own: Tensor, x: Tensor, t: Tensor) -> Tensor:
        u, u_x = network(own, x, t), grad(network, 1)
        terms = grad(network, 2)(own, x, t), u * u_x(own, x, t), -nu * grad(u_x, 1)(own, x, t)
        return torch.stack(terms).sum()

    def rows(own: Tensor) -> Tensor:
        equation = vmap(residual, (None, 0, 0))(own, *inside.T)
        condition = vmap(network, (None, 0, 0))(own, *start.T) + (torch.pi * start[:, 0]).sin()
        roots = (1 / len(inside)) ** 0.5, (10.0 / len(start)) ** 0.5
        return torch.cat([roots[0] * equation, roots[1] * condition])

    found, jacobian = context.residuals([0])
    assert torch.allclose(found[0], rows(theta), rtol=1e-10, atol=1e-12)
    expected = jacrev(rows)(theta)
    assert torch.allclose(jacobian[0], expected, rtol=1e-9, atol=1e-11)


def system(rows: int, size: int, spread: float = 2.0) -> tuple[Tensor, Tensor]:
    """Residuals and Jacobians of two members, with singular values over so many decades."""
    rng = np.random.default_rng(rows)
    left, _, right = np.linalg.svd(rng.standard_normal((2, rows, size)), full_matrices=False)
    values = 10 ** -np.linspace(0, spread, left.shape[2])
    return (
        torch.from_numpy(rng.standard_normal((2, rows))),
        torch.from_numpy((left * values) @ right),
    )


@pytest.mark.parametrize("solver", ["cholesky", "qr", "svd"])
@pytest.mark.parametrize(("rows", "size"), [(30, 12), (12, 30), (9, 9), (1, 5)])
def test_every_solver_finds_the_formulas_step(solver: Any, rows: int, size: int) -> None:
    residuals, jacobian = system(rows, size)
    made = SYSTEMS[solver](residuals, jacobian)
    for damping in (1.0, 1e-3):
        found = made.step(torch.tensor([damping, 2 * damping], dtype=torch.float64))
        for member, own in enumerate(found.numpy()):
            j, r = jacobian[member].numpy(), residuals[member].numpy()
            matrix = j.T @ j + (1 + member) * damping * np.eye(size)
            assert np.allclose(own, -np.linalg.solve(matrix, j.T @ r), rtol=1e-10, atol=1e-12)
    assert torch.allclose(made.gradient, (jacobian.mT @ residuals[..., None])[..., 0])
    assert torch.allclose(made.largest, jacobian.square().sum(1).amax(1))


@pytest.mark.parametrize("solver", ["qr", "svd"])
def test_qr_and_svd_bear_a_condition_that_the_normal_equations_do_not(solver: Any) -> None:
    residuals, jacobian = system(40, 20, spread=9.0)
    solution = torch.linspace(-1, 1, 40).double().reshape(2, 20)
    residuals = -(jacobian @ solution[..., None])[..., 0]
    damping = torch.full((2,), 1e-26).double()
    error = (SYSTEMS[solver](residuals, jacobian).step(damping) - solution).abs().max()
    assert error < 1e-5
    squared = (SYSTEMS["cholesky"](residuals, jacobian).step(damping) - solution).abs().max()
    assert not squared < 1e-2


class Residuals:
    """Members that go down sums of squares of their own, by autograd's Jacobians."""

    def __init__(self, optimizer: Any, functions: list[Any], theta: Tensor) -> None:
        self.optimizer, self.functions, self.theta = optimizer, functions, theta
        self.settings = {
            name: theta.new_full((len(theta), 1), getattr(optimizer, name))
            for name in optimizer.per_member
        }
        self.state = optimizer.start(theta)

    def evaluate(self, points: Tensor, members: Any) -> tuple[Tensor, Tensor]:
        losses, gradients = [], []
        for point, member in zip(points, members, strict=True):
            leaf = point.clone().requires_grad_()
            loss = self.functions[member](leaf).square().sum()
            losses.append(loss.detach().double())
            gradients.append(torch.autograd.grad(loss, leaf)[0])
        return torch.stack(losses), torch.stack(gradients)

    def residuals(self, members: Any) -> tuple[Tensor, Tensor]:
        found = [(self.functions[m](self.theta[m]), jacrev(self.functions[m])(self.theta[m]))
                 for m in members]  # fmt: skip
        rows, tables = zip(*found, strict=True)
        return torch.stack(rows), torch.stack(tables)

    def rows(self, points: Tensor, members: Any) -> Tensor:
        return torch.stack([self.functions[m](own) for m, own in zip(members, points, strict=True)])

    def walk(self, steps: int) -> Tensor:
        """Losses before every step and at the end: (steps + 1, m)."""
        losses = []
        for step in range(steps):
            loss, gradient = self.evaluate(self.theta, range(len(self.theta)))
            losses.append(loss)
            context = StepContext(
                self.theta,
                loss,
                gradient,
                self.evaluate,
                residuals=self.residuals,
                rows=self.rows,
            )
            self.theta = self.theta + self.optimizer.update(
                self.settings, self.state, context, step
            )
        return torch.stack([*losses, self.evaluate(self.theta, range(len(self.theta)))[0]])


def valley(theta: Tensor) -> Tensor:
    """Rosenbrock's function is the sum of its squares, with the minimum 0 at ones."""
    return torch.cat([10 * (theta[1:] - theta[:-1] ** 2), 1 - theta[:-1]])


def test_levenberg_marquardt_ends_in_rosenbrocks_minimum() -> None:
    theta = torch.tensor([[-1.2, 1.0, 0.5], [2.0, -2.0, 2.0]]).double()
    walk = Residuals(LevenbergMarquardt(), [valley, valley], theta)
    losses = walk.walk(60)
    assert (losses.diff(dim=0) <= 0).all()
    assert (losses[-1] < 1e-20).all()
    assert torch.allclose(walk.theta, torch.ones_like(theta), atol=1e-8)


def test_the_damping_follows_what_was_gained_and_rejected_steps_keep_the_parameters() -> None:
    line = lambda theta: theta - 1  # noqa: E731
    walk = Residuals(LevenbergMarquardt(damping=1e-3), [line], torch.zeros(1, 2).double())
    walk.walk(1)
    assert torch.allclose(walk.theta, torch.full((1, 2), 1 / 1.001).double())
    assert torch.allclose(walk.state["damping"], torch.tensor([1e-3 / 3]).double())

    wall = lambda theta: 3 + theta + 1e6 * (theta < 0) * theta**2  # noqa: E731
    walk = Residuals(
        LevenbergMarquardt(trials=3, acceleration=0.0), [wall], torch.zeros(1, 1).double()
    )
    walk.walk(1)
    assert walk.theta.item() == 0.0
    assert torch.allclose(walk.state["damping"], torch.tensor([1e-3 * 4**3]).double())
    assert walk.state["evaluations"].tolist() == [3]


@pytest.mark.parametrize("solver", ["cholesky", "qr", "svd"])
def test_a_bent_step_is_its_formula_in_numpy(solver: Any) -> None:
    theta = torch.tensor([[0.9, 0.8, 0.7]]).double()
    optimizer = LevenbergMarquardt(damping=0.1, solver=solver)
    walk = Residuals(optimizer, [valley], theta)
    walk.walk(1)
    r, j = valley(theta[0]).numpy(), np.asarray(jacrev(valley)(theta[0]))  # type: ignore[no-untyped-call]
    matrix = j.T @ j + 0.1 * np.square(j).sum(0).max() * np.eye(3)
    step = -np.linalg.solve(matrix, j.T @ r)
    second = np.concatenate([-20 * step[:-1] ** 2, np.zeros(2)])  # valley is a quadratic
    bend = -np.linalg.solve(matrix, j.T @ second)
    assert 2 * np.linalg.norm(bend) < 0.75 * np.linalg.norm(step)
    assert np.allclose(walk.theta[0].numpy(), theta[0].numpy() + step + bend / 2, rtol=1e-9)
    assert walk.state["evaluations"].tolist() == [2]
    timid = Residuals(replace(optimizer, acceleration=1e-9, trials=1), [valley], theta)
    timid.walk(1)
    assert np.allclose(timid.theta[0].numpy(), theta[0].numpy() + step, rtol=1e-9)


def test_members_stop_for_a_reason_and_their_bits_are_their_own() -> None:
    flat = lambda theta: 1 + 0 * theta  # noqa: E731
    broken = lambda theta: theta.log()  # noqa: E731
    shut = lambda theta: 1 + theta - 1e12 * theta.abs().sqrt().detach()  # noqa: E731
    functions = [valley, flat, broken, shut]
    theta = torch.tensor([[-1.2, 1.0], [1.0, 1.0], [-1.0, 1.0], [0.0, 0.0]]).double()
    straight = LevenbergMarquardt(acceleration=0.0)
    walk = Residuals(straight, functions, theta)
    walk.walk(4)
    assert walk.state["stopped"].tolist() == [RUNNING, GRADIENT, NOT_FINITE, NO_DESCENT]
    alone = Residuals(straight, [valley], theta[:1])
    alone.walk(4)
    assert torch.equal(alone.theta, walk.theta[:1])


@pytest.mark.parametrize("problem", [BURGERS, Burgers(points_x=16, points_t=12)])
def test_engd_w_spring_and_levenberg_marquardt_go_the_same_way(problem: Any) -> None:
    _, (context,) = begun(configuration(problem=problem))
    residuals, jacobian = context.residuals([0, 1])
    damping = 1e-2 * jacobian.square().sum(1).amax(1)
    ways = {
        "gauss-newton": Spring(momentum=0.0, solver="qr"),
        "engd-w": Spring(momentum=0.0),
        "spring at its start": Spring(momentum=0.9),
    }
    step = SYSTEMS["cholesky"](residuals, jacobian).step(damping)
    start = context.parameters
    context = replace(context, evaluate=lambda at, own: (-(at - start[own]).norm(dim=1), at))
    for optimizer in ways.values():
        settings = {
            "damping": damping[:, None],
            "momentum": damping.new_full((2, 1), optimizer.momentum),
        }
        state = optimizer.start(context.parameters)
        moved = optimizer.update(settings, state, context, 0)
        assert torch.allclose(moved[:, : jacobian.shape[2]], step, rtol=1e-10, atol=1e-10)
    levenberg = LevenbergMarquardt(damping=1e-2, acceleration=0.0)
    state = levenberg.start(context.parameters)
    settings = {"damping": damping.new_full((2, 1), 1e-2)}
    moved = levenberg.update(settings, state, context, 0)
    assert torch.allclose(moved[:, : jacobian.shape[2]], step, rtol=1e-10, atol=1e-10)


def test_spring_is_its_formula_in_numpy() -> None:
    optimizer = Spring(damping=1e-2, momentum=0.9)
    theta = torch.tensor([[-1.2, 1.0, 0.5, 0.1]]).double()
    walk = Residuals(optimizer, [valley], theta)
    walk.walk(6)
    at, phi = theta[0].numpy(), np.zeros(4)
    of = lambda point: valley(torch.from_numpy(point)).numpy()  # noqa: E731
    for _ in range(6):
        r = of(at)
        j: Any = jacrev(valley)(torch.from_numpy(at)).numpy()
        kernel = j @ j.T + 1e-2 * np.eye(len(r))
        phi = 0.9 * phi + j.T @ np.linalg.solve(kernel, -r - 0.9 * (j @ phi))
        trials = [(np.square(of(at + 2.0**-k * phi)).sum(), 2.0**-k) for k in range(31)]
        best, length = min(trials)
        at = at + (length if best < np.square(r).sum() else 0.0) * phi
    assert np.allclose(walk.theta[0].numpy(), at, rtol=1e-9, atol=1e-12)
    assert walk.state["evaluations"].tolist() == [6 * (31 + 1)]
