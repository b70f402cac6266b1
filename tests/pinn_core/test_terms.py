"""Every loss term against nested autograd in float64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Mlp, Pinn
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.operators import Operator
from pinn_core.objectives.tangent_kernel import jacobian, traces
from pinn_core.objectives.term import Term, no_factors
from pinn_core.objectives.terms import problem_terms
from pinn_core.problems import (
    Box,
    Conditions,
    Convection,
    Helmholtz,
    KleinGordon,
    PoissonAnnulus,
    Problem,
    Wave,
    neumann,
    robin,
)


def conductance(points: np.ndarray) -> np.ndarray:
    return 1.0 + points[:, :1] ** 2


@dataclass(frozen=True, kw_only=True)
class Insulated(PoissonAnnulus):
    """Two circles under one condition, each with its own mean, and a coefficient of the point."""

    points_per_axis: int = 9

    @cached_property
    def conditions(self) -> Conditions:
        circles = [self.domain.part(name) for name in ("outer", "inner")]
        return {
            "mixed": robin(circles, conductance, conductance),
            "free": neumann(circles[0]),
        }


NETWORK = Mlp(width=5, depth=2, activation="tanh", init="glorot")
PROBLEMS: list[Problem] = [
    Helmholtz(points_per_axis=5),
    KleinGordon(points_per_axis=6),
    Wave(points_per_axis=6),
    Convection(points_x=6, points_t=7),
    PoissonAnnulus(points_per_axis=9, outer="neumann"),
    PoissonAnnulus(points_per_axis=9, outer="robin", alpha=1.5),
    Insulated(),
]
TERMS = [(p, name) for p in PROBLEMS for name in ("residual", *p.conditions)]


def setting(problem: Problem) -> tuple[Discretization, Tensor]:
    disc = Discretization(problem, NETWORK, "float64")
    rows = [NETWORK.initial(2, 1, seed) for seed in (0, 1)]
    return disc, torch.stack(rows).requires_grad_()


def term_of(disc: Discretization, name: str) -> Term:
    (term,) = (term for term in problem_terms(disc) if term.name == name)
    return term


def point_set_of(disc: Discretization, name: str) -> PointSet:
    return disc.collocation if name == "residual" else disc.condition_points[name]


def network(disc: Discretization, theta: Tensor, points: Tensor) -> Tensor:
    """The plain network of one member as autograd follows it."""
    h = points
    *hidden, (weights, biases) = disc.stack.layers(theta[None])
    for w, b in hidden:
        h = torch.tanh(h @ w[0].T + b[0])
    return h @ weights[0].T + biases[0]


def applied(op: Operator, disc: Discretization, theta: Tensor, points: Tensor) -> Tensor:
    """An operator by nested autograd, (n, 1)."""
    x = points.detach().requires_grad_()
    u = network(disc, theta, x)
    (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
    total = op.zeroth * u
    for axis, value in op.first.items():
        total = total + value * slope[:, axis : axis + 1]
    for (i, j), value in op.second.items():
        (bend,) = torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)
        total = total + value * bend[:, j : j + 1]
    return total


def mismatch(disc: Discretization, theta: Tensor, name: str) -> list[Tensor]:
    """What the term squares, segment by segment (n, q)."""
    problem = disc.problem
    if name == "residual":
        x = disc.collocation.coordinates[0]
        channels = [
            network(disc, theta, x),
            *(applied(o, disc, theta, x) for o in disc.operators),
        ]
        return [problem.residual(torch.stack(channels)[None], x[None])[0]]
    condition, grid = problem.conditions[name], problem.grid().supervised.coordinates
    found = []
    for segment in condition.segments:
        own = grid[segment.holds(grid)]
        x = torch.from_numpy(own)
        entries = [[applied(op, disc, theta, x) for op, _ in one] for one in condition.sums]
        if segment.coefficients is not None:
            columns = iter(torch.from_numpy(segment.coefficients(own)).T[..., None])
            entries = [[next(columns) * entry for entry in one] for one in entries]
        value = [torch.stack(one).sum(0) for one in entries]
        if condition.shift is not None:
            far = x + torch.tensor(condition.shift, dtype=x.dtype)
            value = [
                here - applied(op, disc, theta, far)
                for here, ((op, _),) in zip(value, condition.sums, strict=True)
            ]
        found.append(torch.cat(value, 1) - torch.from_numpy(segment.target(own)))
    return found


def test_a_face_of_a_box_has_no_normals() -> None:
    box = Box((0.0, 0.0), (1.0, 1.0))
    assert neumann(box.shape.part("left")).segments[0].coefficients is not None
    with pytest.raises(ValueError, match=r"needs a part of a shape's boundary, found Box"):
        neumann(box.face(0, 0.0))
    with pytest.raises(ValueError, match=r"needs a part of a shape's boundary, found Over"):
        robin(box.shape.over(0.0, 1.0), 1.0)


@pytest.mark.parametrize(("problem", "name"), TERMS)
def test_a_term_is_the_sum_of_its_segments_means(problem: Problem, name: str) -> None:
    disc, theta = setting(problem)
    point_set = point_set_of(disc, name)
    term, _ = term_of(disc, name).loss_and_gradient(disc, theta, point_set)
    for member, own in enumerate(theta):
        loss = sum(part.square().sum(1).mean() for part in mismatch(disc, own, name))
        assert isinstance(loss, Tensor)
        (gradient,) = torch.autograd.grad(loss, theta)
        assert torch.allclose(term.loss[member], loss, rtol=1e-10)
        assert torch.allclose(term.gradient[member], gradient[member], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("problem", "name"), TERMS)
def test_factors_weigh_points_and_are_not_differentiated(problem: Problem, name: str) -> None:
    disc, theta = setting(problem)
    point_set = point_set_of(disc, name)
    term = term_of(disc, name)
    of = lambda factors: term.loss_and_gradient(disc, theta, point_set, factors)[0]  # noqa: E731
    plain, doubled = of(no_factors), of(lambda *_: torch.full((2, len(point_set)), 2.0).double())
    assert torch.allclose(doubled.loss, 2 * plain.loss)
    assert torch.allclose(doubled.gradient, 2 * plain.gradient)
    seen: list[Any] = []
    of(lambda *asked: seen.append(asked))
    assert seen[0][0] == name and seen[0][1].shape == (2, len(point_set))


@pytest.mark.parametrize(("problem", "name"), TERMS)
def test_jacobians_are_autograds_and_their_squares_the_traces(problem: Problem, name: str) -> None:
    disc, theta = setting(problem)
    point_set = point_set_of(disc, name)
    found = jacobian(disc, theta.detach(), term_of(disc, name), point_set, 1)
    wanted = []
    for part in mismatch(disc, theta[1], name):
        for quantity in part.T:
            wanted += [torch.autograd.grad(q, theta, retain_graph=True)[0][1] for q in quantity]
    assert found.shape == (len(wanted), theta.shape[1])
    squares = sum(row.square().sum() for row in wanted)
    assert torch.allclose(found.square().sum(), torch.as_tensor(squares), rtol=1e-8)
    batch = {"interior": disc.collocation, **disc.condition_points}
    exact = traces(disc, theta.detach(), batch, [term_of(disc, name)], None)
    assert torch.allclose(exact[0, 1], torch.as_tensor(squares), rtol=1e-8)


def test_random_probes_estimate_the_trace() -> None:
    disc, theta = setting(PROBLEMS[1])
    batch = Pinn().batches(disc, []).at(0)
    terms = problem_terms(disc)
    exact, estimated = (traces(disc, theta.detach(), batch, terms, n) for n in (None, 400))
    assert torch.allclose(exact, estimated, rtol=0.2)


def test_quantities_are_what_the_loss_squares() -> None:
    disc, theta = setting(PROBLEMS[0])
    point_set = disc.condition_points["boundary"]
    found, back = term_of(disc, "boundary").quantities(disc, theta, point_set)
    assert torch.equal(found, disc.values(theta, point_set))
    assert back(torch.ones_like(found)).shape == theta.shape
