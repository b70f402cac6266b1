"""Every loss term against nested autograd in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core import Mlp, Pinn
from pinn_core.discretization.discretization import Cloud, Field
from pinn_core.engine.operators import Operator
from pinn_core.objectives.tangent_kernel import jacobian, traces
from pinn_core.objectives.terms import condition_term, no_factors, quantities, residual_term
from pinn_core.problems import Convection, Helmholtz, KleinGordon, Problem, Wave

NETWORK = Mlp(width=5, depth=2, activation="tanh", init="glorot")
PROBLEMS: list[Problem] = [
    Helmholtz(points_per_axis=5),
    KleinGordon(points_per_axis=6),
    Wave(points_per_axis=6),
    Convection(points_x=6, points_t=7),
]
TERMS = [(p, name) for p in PROBLEMS for name in ("residual", *p.conditions)]


def setting(problem: Problem) -> tuple[Field, Tensor]:
    field = Field(problem, NETWORK, "float64")
    rows = [NETWORK.initial(2, 1, seed) for seed in (0, 1)]
    return field, torch.stack(rows).requires_grad_()


def cloud_of(field: Field, name: str) -> Cloud:
    return field.collocation if name == "residual" else field.demands[name]


def network(field: Field, theta: Tensor, points: Tensor) -> Tensor:
    """The plain network of one member as autograd follows it."""
    h = points
    *hidden, (weights, biases) = field.stack.layers(theta[None])
    for w, b in hidden:
        h = torch.tanh(h @ w[0].T + b[0])
    return h @ weights[0].T + biases[0]


def applied(op: Operator, field: Field, theta: Tensor, points: Tensor) -> Tensor:
    """An operator by nested autograd, (n, 1)."""
    x = points.detach().requires_grad_()
    u = network(field, theta, x)
    (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
    total = op.zeroth * u
    for axis, value in op.first.items():
        total = total + value * slope[:, axis : axis + 1]
    for (i, j), value in op.second.items():
        (bend,) = torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)
        total = total + value * bend[:, j : j + 1]
    return total


def mismatch(field: Field, theta: Tensor, name: str) -> list[Tensor]:
    """What the term squares, segment by segment (n, q)."""
    problem = field.problem
    if name == "residual":
        x = field.collocation.coordinates[0]
        channels = [
            network(field, theta, x),
            *(applied(o, field, theta, x) for o in field.operators),
        ]
        return [problem.residual(torch.stack(channels)[None], x[None])[0]]
    condition, grid = problem.conditions[name], problem.grid().supervised.coordinates
    found = []
    for segment in condition.segments:
        own = grid[segment.holds(grid)]
        x = torch.from_numpy(own)
        value = [applied(op, field, theta, x) for op, _ in condition.quantities]
        if condition.shift is not None:
            far = x + torch.tensor(condition.shift, dtype=x.dtype)
            value = [
                here - applied(op, field, theta, far)
                for here, (op, _) in zip(value, condition.quantities, strict=True)
            ]
        found.append(torch.cat(value, 1) - torch.from_numpy(segment.demand(own)))
    return found


@pytest.mark.parametrize(("problem", "name"), TERMS)
def test_a_term_is_the_sum_of_its_segments_means(problem: Problem, name: str) -> None:
    field, theta = setting(problem)
    cloud = cloud_of(field, name)
    if name == "residual":
        term, _ = residual_term(field, theta, cloud)
    else:
        term, _ = condition_term(field, theta, name, cloud)
    for member, own in enumerate(theta):
        loss = sum(part.square().sum(1).mean() for part in mismatch(field, own, name))
        assert isinstance(loss, Tensor)
        (gradient,) = torch.autograd.grad(loss, theta)
        assert torch.allclose(term.loss[member], loss, rtol=1e-10)
        assert torch.allclose(term.gradient[member], gradient[member], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("problem", "name"), TERMS)
def test_factors_weigh_points_and_are_not_differentiated(problem: Problem, name: str) -> None:
    field, theta = setting(problem)
    cloud = cloud_of(field, name)
    of = (
        (lambda factors: residual_term(field, theta, cloud, factors)[0])
        if name == "residual"
        else (lambda factors: condition_term(field, theta, name, cloud, factors)[0])
    )
    plain, doubled = of(no_factors), of(lambda *_: torch.full((2, len(cloud)), 2.0).double())
    assert torch.allclose(doubled.loss, 2 * plain.loss)
    assert torch.allclose(doubled.gradient, 2 * plain.gradient)
    seen: list[Any] = []
    of(lambda *asked: seen.append(asked))
    assert seen[0][0] == name and seen[0][1].shape == (2, len(cloud))


@pytest.mark.parametrize(("problem", "name"), TERMS)
def test_jacobians_are_autograds_and_their_squares_the_traces(problem: Problem, name: str) -> None:
    field, theta = setting(problem)
    cloud = cloud_of(field, name)
    found = jacobian(field, theta.detach(), name, cloud, 1)
    wanted = []
    for part in mismatch(field, theta[1], name):
        for quantity in part.T:
            wanted += [torch.autograd.grad(q, theta, retain_graph=True)[0][1] for q in quantity]
    assert found.shape == (len(wanted), theta.shape[1])
    squares = sum(row.square().sum() for row in wanted)
    assert torch.allclose(found.square().sum(), torch.as_tensor(squares), rtol=1e-8)
    batch = {"interior": field.collocation, **field.demands}
    exact = traces(field, theta.detach(), batch, (name,), None)
    assert torch.allclose(exact[0, 1], torch.as_tensor(squares), rtol=1e-8)


def test_random_probes_estimate_the_trace() -> None:
    field, theta = setting(PROBLEMS[1])
    batch = Pinn().batches(field, []).at(0)
    names = ("residual", "initial", "boundary")
    exact, estimated = (traces(field, theta.detach(), batch, names, n) for n in (None, 400))
    assert torch.allclose(exact, estimated, rtol=0.2)


def test_quantities_are_what_the_loss_squares() -> None:
    field, theta = setting(PROBLEMS[0])
    cloud = field.demands["boundary"]
    found, back = quantities(field, theta, "boundary", cloud.coordinates)
    assert torch.equal(found, field.values(theta, cloud))
    assert back(torch.ones_like(found)).shape == theta.shape
