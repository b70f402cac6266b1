"""What problems with a closed form keep: it solves their equation and meets their conditions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core.engine import taylor
from pinn_core.engine.operators import Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.problems import (
    PROBLEMS,
    Condition,
    Convection,
    HeatDisc,
    Helmholtz,
    KleinGordon,
    Poisson,
    PoissonAnnulus,
    PoissonCube,
    PoissonDisc,
    PoissonLShape,
    Problem,
    Reaction,
    Segment,
    Wave,
)
from pinn_core.problems.heat_disc import ZEROS
from tests.pinn_core.points import drawn, inside

PI = np.pi


def poisson(problem: Poisson, p: Tensor) -> Tensor:
    return torch.sin(problem.c * p[0])


def helmholtz(problem: Helmholtz, p: Tensor) -> Tensor:
    return torch.sin(problem.a1 * PI * p[0]) * torch.sin(problem.a2 * PI * p[1])


def klein_gordon(problem: KleinGordon, p: Tensor) -> Tensor:
    t, x = p
    return x * torch.cos(5 * PI * t) + (x * t) ** 3


def wave(problem: Wave, p: Tensor) -> Tensor:
    x, t = p
    first = torch.sin(PI * x) * torch.cos(problem.c * PI * t)
    second = torch.sin(problem.beta * PI * x) * torch.cos(problem.beta * problem.c * PI * t)
    return first + second / 2


def poisson_lshape(problem: Problem, p: Tensor) -> Tensor:
    x, y = p
    turned = torch.atan2(-x, y)
    angle = torch.where(turned < -PI / 4, turned + 2 * PI, turned)
    return torch.hypot(x, y) ** (2 / 3) * torch.sin(2 * angle / 3)


def poisson_disc(problem: Problem, p: Tensor) -> Tensor:
    return (1 - p[0] ** 2 - p[1] ** 2) / 4


def poisson_annulus(problem: PoissonAnnulus, p: Tensor) -> Tensor:
    square = p[0] ** 2 + p[1] ** 2
    return torch.log(square / problem.a**2) / (2 * np.log(problem.b / problem.a))


def heat_disc(problem: HeatDisc, p: Tensor) -> Tensor:
    """Bessel's functions as integrals over an angle, which 64 points give to the last bit."""
    x, y, t = p
    angle = torch.linspace(0, 2 * PI, 65, dtype=p.dtype)[:-1, None]
    total = torch.zeros_like(x)
    for order, zero in enumerate(ZEROS):
        wave = zero * (x * torch.cos(angle) + y * torch.sin(angle))
        mode = (torch.cos(wave), torch.sin(wave) * torch.cos(angle))[order].mean(0)
        total = total + mode * torch.exp(-problem.alpha * zero**2 * t)
    return total


def poisson_cube(problem: Problem, p: Tensor) -> Tensor:
    return (2**0.5 * torch.sin(PI * p)).prod(0)


def convection(problem: Convection, p: Tensor) -> Tensor:
    return torch.sin(p[0] - problem.beta * p[1])


def reaction(problem: Reaction, p: Tensor) -> Tensor:
    x, t = p
    start = torch.exp(-((x - PI) ** 2) / (2 * (PI / 4) ** 2))
    grown = start * torch.exp(problem.rho * t)
    return grown / (grown + 1 - start)


FORMULAS: dict[type, Callable[..., Tensor]] = {
    Poisson: poisson,
    Helmholtz: helmholtz,
    KleinGordon: klein_gordon,
    Wave: wave,
    Convection: convection,
    Reaction: reaction,
    PoissonLShape: poisson_lshape,
    PoissonDisc: poisson_disc,
    PoissonAnnulus: poisson_annulus,
    HeatDisc: heat_disc,
    PoissonCube: poisson_cube,
}
CLOSED: list[Any] = [
    Poisson(),
    Poisson(c=4 * PI),
    Helmholtz(),
    Helmholtz(a1=2, a2=3, k=2.5),
    KleinGordon(),
    KleinGordon(alpha=-2.0, beta=0.5, gamma=1.5, k=2),
    KleinGordon(gamma=0.5, k=4),
    Wave(),
    Wave(c=1.0, beta=5.0),
    Wave(beta=2.3),
    Convection(),
    Convection(beta=-3.5),
    Reaction(),
    Reaction(rho=7.0),
    PoissonLShape(),
    PoissonDisc(),
    PoissonAnnulus(),
    PoissonAnnulus(a=1.0, b=3.0, outer="neumann"),
    PoissonAnnulus(outer="robin", alpha=2.5),
    HeatDisc(),
    HeatDisc(alpha=0.7),
    PoissonCube(),
    PoissonCube(dimensions=2),
]
HARD = [
    problem
    for problem in dict.fromkeys([*CLOSED, *(PROBLEMS[kind]() for kind in PROBLEMS.names())])
    if problem.hard is not None
]
closed = pytest.mark.parametrize("problem", CLOSED, ids=repr)


def solution(problem: Problem, points: Tensor) -> Taylor:
    """The closed form with its derivatives at points (n, d), by nested autograd."""
    points = points.clone().requires_grad_()

    def slope(u: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(u.sum(), points, create_graph=True)
        return found

    value = FORMULAS[type(problem)](problem, points.T)
    gradient = slope(value)
    hessian = torch.stack([slope(column) for column in gradient.T], dim=1)
    return Taylor(value.detach(), gradient.detach(), hessian.detach())


def network(points: Tensor) -> Taylor:
    """Some smooth function that keeps no condition."""
    inner = sum((c * (1.3 + 0.4 * i) for i, c in enumerate(Taylor.coordinates(points))), 0.7)
    assert isinstance(inner, Taylor)
    return taylor.exp(taylor.sin(inner)) * 2.0 + inner * inner


def applied(operator: Operator, u: Taylor) -> Tensor:
    found = operator.zeroth * u.value
    for axis, value in operator.first.items():
        found = found + value * u.gradient[..., axis]
    for (i, j), value in operator.second.items():
        found = found + value * u.hessian[..., i, j]
    return found


def channelled(problem: Problem, u: Taylor) -> Tensor:
    """Channels (1, c, n, 1) of a one-output function at points."""
    return torch.stack([u.value, *(applied(op, u) for op in problem.operators)])[None, ..., None]


def mismatch(
    condition: Condition, segment: Segment, points: np.ndarray, u: Callable[[Tensor], Taylor]
) -> Tensor:
    """What the condition finds wrong with a one-output function u at points, (n, q)."""
    here = u(torch.from_numpy(points))
    entries = [[applied(op, here) for op, _ in one] for one in condition.sums]
    if segment.coefficients is not None:
        columns = iter(torch.from_numpy(segment.coefficients(points)).T)
        entries = [[next(columns) * entry for entry in one] for one in entries]
    found = torch.stack([torch.stack(one).sum(0) for one in entries], dim=1)
    if condition.shift is not None:
        there = u(torch.from_numpy(points + np.array(condition.shift)))
        found = found - torch.stack([applied(op, there) for ((op, _),) in condition.sums], dim=1)
    return found - torch.from_numpy(segment.target(points))


@closed
def test_the_solution_solves_the_equation(problem: Any) -> None:
    points = torch.from_numpy(inside(problem, 60))
    u = solution(problem, points)
    channels = channelled(problem, u)
    residual = problem.residual(channels, points[None])
    assert residual.shape == (1, 60, len(problem.operators))
    assert residual.abs().max() < 1e-13 * (1 + u.hessian.abs().max())
    assert np.allclose(problem.exact(points.numpy())[:, 0], u.value.numpy(), rtol=0, atol=1e-13)


@closed
def test_a_function_that_is_no_solution_has_a_residual(problem: Any) -> None:
    points = torch.from_numpy(inside(problem, 60))
    u = network(points)
    channels = channelled(problem, u)
    assert problem.residual(channels, points[None]).abs().max() > 0.1


@closed
def test_the_solution_meets_every_condition(problem: Any) -> None:
    for condition in problem.conditions.values():
        for segment in condition.segments:
            points = drawn(segment, len(problem.coordinates))
            wrong = mismatch(condition, segment, points, partial(solution, problem))
            assert wrong.abs().max() < 1e-12


@pytest.mark.parametrize("problem", HARD, ids=repr)
def test_a_hard_form_keeps_its_conditions_whatever_the_network(problem: Problem) -> None:
    hard = problem.hard
    assert hard is not None
    assert hard.conditions

    def formed(points: Tensor) -> Taylor:
        coordinates = Taylor.coordinates(points)
        kept = hard.factor(*coordinates) * network(points)
        return kept if hard.lift is None else kept + hard.lift(*coordinates)

    for name in hard.conditions:
        condition = problem.conditions[name]
        for segment in condition.segments:
            points = drawn(segment, len(problem.coordinates))
            wrong = mismatch(condition, segment, points, formed)
            assert wrong.abs().max() < 1e-12
    free = torch.from_numpy(inside(problem, 20))
    assert hard.factor(*Taylor.coordinates(free)).value.abs().min() > 0


@pytest.mark.parametrize(
    ("problem", "interior", "supervised"),
    [
        (Poisson(points_per_axis=11), 9, 2),
        (Helmholtz(points_per_axis=10), 8 * 8, 36),
        (KleinGordon(points_per_axis=10), 9 * 8, 28),
        (Wave(points_per_axis=10), 9 * 8, 28),
        (Convection(points_x=16, points_t=5), 15 * 4, 20),
        (Reaction(points_x=16, points_t=5), 15 * 4, 20),
    ],
    ids=repr,
)
def test_a_grids_points(problem: Any, interior: int, supervised: int) -> None:
    grid = problem.grid()
    assert len(grid.interior.coordinates) == interior
    assert len(grid.supervised.coordinates) == supervised
    for points in (grid.interior, grid.supervised):
        assert np.array_equal(points.exact, problem.exact(points.coordinates))
        assert np.array_equal(points.exact, points.reference)
    assert problem.grid() is grid


def test_a_period_is_not_counted_twice() -> None:
    for problem in (Convection(points_x=16), Reaction(points_x=16)):
        grid = problem.grid()
        x = np.unique(grid.interior.coordinates[:, 0])
        assert grid.supervised.coordinates[:, 0].max() == x.max()
        assert np.allclose(x, np.arange(1, 16) * 2 * PI / 16)


def test_known_values() -> None:
    at = np.array([[0.5, 0.125]])
    assert Wave().exact(at) == pytest.approx(np.sqrt(0.5), abs=1e-12)
    assert Helmholtz().exact(at) == pytest.approx(1.0)
    assert KleinGordon().exact(np.array([[0.2, 0.5]])) == pytest.approx(-0.499)
    assert Reaction().exact(np.array([[PI, 0.3]])) == pytest.approx(1.0)
    assert Convection(beta=30.0).exact(np.array([[30.0, 1.0]])) == pytest.approx(0.0)
    assert np.isfinite(Reaction(rho=1e6).exact(np.array([[0.0, 0.0], [0.0, 1.0]]))).all()


def test_klein_gordons_source_is_the_papers() -> None:
    t, x = 0.3, 0.7
    u = x * np.cos(5 * PI * t) + (x * t) ** 3
    u_tt = -25 * PI**2 * x * np.cos(5 * PI * t) + 6 * t * x**3
    source = KleinGordon().source(torch.tensor([[[t, x]]], dtype=torch.float64))
    assert source.item() == pytest.approx(u_tt - 6 * x * t**3 + u**3)
