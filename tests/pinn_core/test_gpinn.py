"""The residual's gradient in the loss, against torch's derivatives through the whole equation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.networks import ResidualMlp
from pinn_core.objectives import GPinn
from pinn_core.optimizers import LevenbergMarquardt, StepContext
from pinn_core.problems import (
    Burgers,
    BurgersInverse,
    GinzburgLandau,
    Heat,
    KdV,
    KleinGordon,
    Poisson,
)
from pinn_core.testing import check
from pinn_core.testing.nesting import network
from pinn_core.training.footprint import member_needs
from pinn_core.training.operations import step_flops
from pinn_core.training.pack import Pack

NET = Mlp(width=6, depth=2, activation="tanh")
BURGERS = Burgers(points_x=8, points_t=6)
MU = 0.3


def slopes(values: Tensor, points: Tensor) -> Tensor:
    return torch.autograd.grad(values.sum(), points, create_graph=True, materialize_grads=True)[0]


def by_torch(disc: Discretization, theta: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """mean r^2 and mean |grad_x r|^2 of every member, r differentiated with all that is in it."""
    points = at.expand(len(theta), -1, -1).detach().clone().requires_grad_()
    values = disc.formed(network(disc.stack, theta, points), points)
    outputs = []
    for u in values.unbind(2):
        first = slopes(u, points)
        second = [slopes(each, points) for each in first.unbind(2)]
        channels = [u]
        for op in disc.problem.operators:
            total = op.zeroth * u
            for axis, value in op.first.items():
                total = total + value * first[..., axis]
            for (i, j), value in op.second.items():
                total = total + value * second[i][..., j]
            channels.append(total)
        outputs.append(torch.stack(channels, 1))
    residual = disc.problem.residual(torch.stack(outputs, 3), points)
    gradients = [slopes(each, points) for each in residual.unbind(2)]
    sizes = torch.stack([each.square().sum(2) for each in gradients]).sum(0)
    return residual.square().sum(2).mean(1), sizes.mean(1)


CASES: dict[str, dict[str, Any]] = {
    "nonlinear": {"problem": BURGERS},
    "linear": {"problem": Heat(points_per_axis=5)},
    "a source that depends on the point": {"problem": KleinGordon(points_per_axis=6)},
    "one coordinate": {"problem": Poisson(points_per_axis=9)},
    "two outputs": {"problem": GinzburgLandau(points_x=8, points_t=6, end=0.1)},
    "a hard form": {"problem": BURGERS, "constraints": "hard"},
    "a module": {"problem": BURGERS, "network": ResidualMlp(width=5, blocks=1)},
}


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_are_those_of_torch(name: str) -> None:
    parts = {"network": NET, **CASES[name]}
    disc = Discretization(**parts, precision="float64")
    theta = torch.stack([disc.initial(parts["network"], seed) for seed in (0, 1)])
    theta = theta.requires_grad_()
    equation, *_ = GPinn(mu=MU).terms(disc)
    found, _ = equation.loss_and_gradient(disc, theta.detach(), disc.interior)
    squares, sizes = by_torch(disc, theta, disc.interior.coordinates)
    assert (sizes > 1e-3 * squares).all()
    loss = squares + MU * sizes
    (gradient,) = torch.autograd.grad(loss.sum(), theta)
    assert torch.allclose(found.loss, loss.detach(), rtol=1e-10)
    assert torch.allclose(found.gradient, gradient, rtol=1e-8, atol=1e-10 * gradient.abs().max())


def configuration(objective: Pinn, **parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": BURGERS,
            "network": NET,
            "objective": objective,
            "phases": (Adam(steps=4, learning_rate=1e-2),),
            "record": Record(points=16, gradients_every=2, parameters=1),
            "precision": "float64",
            **parts,
        }
    )


@pytest.mark.parametrize("parts", [{}, {"batch": 14, "points": "r3", "l2": 1e-3}])
def test_gpinn_keeps_the_contract_of_objectives(parts: dict[str, Any]) -> None:
    check(GPinn(**parts))


def test_squares_and_products_are_those_of_its_loss() -> None:
    seen: list[tuple[StepContext, Any]] = []

    class Seeing(LevenbergMarquardt):
        def update(self, *arguments: Any, **_: Any) -> Tensor:
            context = arguments[2]
            rows, jacobian = context.residuals([0, 1])
            ahead = 1e-6 * context.gradient
            curved = context.products(context.gradient, [0, 1])
            there = context.evaluate(context.parameters + ahead, [0, 1])[1]
            seen.append((context, (rows, jacobian, curved, there)))
            return torch.zeros_like(context.parameters)

    one = configuration(GPinn(lambda_b=10.0), phases=(LevenbergMarquardt(steps=2),))
    pack = Pack([one, one], [0, 1], "cpu", 1, "auto")
    pack.optimizer = Seeing(steps=2)
    pack.advance(0)
    ((context, (rows, jacobian, curved, there)),) = seen
    assert torch.allclose(rows.square().sum(1), context.loss, rtol=1e-11)
    outside = sum(map(len, pack.disc.condition_points.values()))
    assert rows.shape[1] == 3 * len(pack.disc.interior) + outside
    assert one.rows - configuration(Pinn()).rows == 2 * len(pack.disc.interior)
    by_rows = 2 * (jacobian.mT @ rows[..., None])[..., 0]
    assert torch.allclose(by_rows, context.gradient[:, : by_rows.shape[1]], rtol=1e-8, atol=1e-10)
    turned = there - context.gradient
    assert ((1e-6 * curved - turned).norm(dim=1) < 1e-3 * turned.norm(dim=1)).all()


def test_losses_but_the_batchs_are_of_the_residual_itself() -> None:
    (trained,) = train([Member(configuration(GPinn(lambda_b=10.0, mu=MU)), 0)])
    rows = trained.table.to_pylist()
    disc = Discretization(BURGERS, NET, "float64")
    theta = torch.from_numpy(trained.parameters[2])[None]
    found = by_torch(disc, theta, disc.interior.coordinates)
    squares, sizes = (each.item() for each in found)
    assert rows[2]["loss/residual"] == pytest.approx(squares, rel=1e-9)
    assert rows[2]["loss/batch"] - rows[2]["loss/total"] == pytest.approx(MU * sizes, rel=1e-9)


def test_its_steps_are_known_to_cost_more() -> None:
    phases = (LevenbergMarquardt(steps=2),)
    plain, own = (configuration(each, phases=phases) for each in (Pinn(), GPinn()))
    assert step_flops(own) > 3 * step_flops(plain)
    for need in ("layers", "jacobian"):
        assert member_needs(own)[need] > member_needs(plain)[need]


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (KdV(), "found problem kdv with derivatives of order 3, allowed: up to 2"),
        (BurgersInverse(), "takes problems without unknowns, found burgers_inverse"),
    ],
)
def test_problems_beyond_the_engines_order_are_refused(problem: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configuration(GPinn(), problem=problem)


@pytest.mark.parametrize("mu", [0.0, -1.0, float("nan")])
def test_a_weight_that_is_not_positive_is_refused(mu: float) -> None:
    with pytest.raises(ValueError, match=f"mu must be > 0, found {mu}"):
        replace(GPinn(), mu=mu)
