from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core.engine.operators import Operator
from pinn_core.engine.taylor import Taylor, sin
from pinn_core.problems import (
    AllenCahn,
    Burgers,
    Cavity,
    CavityStream,
    Problem,
    ReactionDiffusion,
)

PROBLEMS = [
    Burgers(),
    Burgers(points_x=33, points_t=17, nu=0.05),
    ReactionDiffusion(),
    ReactionDiffusion(points_x=30, points_t=17, nu=0.0, rho=2.0),
    AllenCahn(),
    AllenCahn(points_x=30, points_t=17, diffusion=1e-2, rate=1.0),
    Cavity(),
    Cavity(points_per_axis=33),
    CavityStream(),
]

Field = Callable[[Tensor], Tensor]


def waves(outputs: int) -> Field:
    """A smooth field of two coordinates with so many outputs."""

    def disc(points: Tensor) -> Tensor:
        a, b = points[:, 0], points[:, 1]
        each = [torch.sin((k + 1.3) * a + 0.2 * k) * torch.exp(0.4 * b * (k - 0.5)) + a * b**3
                for k in range(outputs)]  # fmt: skip
        return torch.stack(each, dim=1)

    return disc


def derivative(disc: Field, *axes: int) -> Field:
    """The derivative along the axes, one after the other, by autograd."""
    for axis in axes:
        disc = _slope(disc, axis)
    return disc


def _slope(disc: Field, axis: int) -> Field:
    def slope(points: Tensor) -> Tensor:
        points = points.requires_grad_()
        columns = disc(points).unbind(1)
        found = [torch.autograd.grad(column.sum(), points, create_graph=True)[0][:, axis]
                 for column in columns]  # fmt: skip
        return torch.stack(found, dim=1)

    return slope


def applied(operator: Operator, disc: Field, points: Tensor) -> Tensor:
    parts = [({(): operator.zeroth}), {(axis,): c for axis, c in operator.first.items()},
             operator.second, getattr(operator, "third", {})]  # fmt: skip
    values = [c * derivative(disc, *axes)(points) for part in parts for axes, c in part.items()]
    return torch.stack(values).sum(dim=0)


def residual(problem: Problem, points: Tensor) -> Tensor:
    disc = waves(problem.outputs)
    channels = [disc(points), *(applied(one, disc, points) for one in problem.operators)]
    return problem.residual(torch.stack(channels)[None], points[None])[0].detach()


def points_of(problem: Problem) -> Tensor:
    unit = np.random.default_rng(0).uniform(size=(20, 2))
    return torch.from_numpy(problem.domain.at(unit))


def components(disc: Field, points: Tensor, *axes: int) -> tuple[Tensor, ...]:
    return derivative(disc, *axes)(points).detach().unbind(1)


def test_burgers_residual_is_the_equation() -> None:
    problem = Burgers(nu=0.03)
    points = points_of(problem)
    (u,), (u_x,), (u_t,), (u_xx,) = (
        components(waves(1), points, *axes) for axes in ((), (0,), (1,), (0, 0))
    )
    torch.testing.assert_close(residual(problem, points)[:, 0], u_t + u * u_x - 0.03 * u_xx)


@pytest.mark.parametrize("nu", [0.0, 2.0])
def test_reaction_diffusion_residual_is_the_equation(nu: float) -> None:
    problem = ReactionDiffusion(nu=nu, rho=3.0)
    points = points_of(problem)
    (u,), (u_t,), (u_xx,) = (components(waves(1), points, *axes) for axes in ((), (1,), (0, 0)))
    expected = u_t - nu * u_xx - 3 * u * (1 - u)
    torch.testing.assert_close(residual(problem, points)[:, 0], expected)


def test_allen_cahn_residual_is_the_equation() -> None:
    problem = AllenCahn(diffusion=0.01, rate=4.0)
    points = points_of(problem)
    (u,), (u_t,), (u_xx,) = (components(waves(1), points, *axes) for axes in ((), (1,), (0, 0)))
    expected = u_t - 0.01 * u_xx + 4 * u**3 - 4 * u
    torch.testing.assert_close(residual(problem, points)[:, 0], expected)


def momentum(velocity: Field, pressure: Field, re: float, points: Tensor) -> Tensor:
    """Both momentum equations, from fields of two outputs (u, v) and of one (p)."""
    u, v = components(velocity, points)
    along_x, along_y = (components(velocity, points, axis) for axis in (0, 1))
    xx, yy = (components(velocity, points, axis, axis) for axis in (0, 1))
    slopes = [components(pressure, points, axis)[0] for axis in (0, 1)]
    return torch.stack(
        [u * along_x[i] + v * along_y[i] + slopes[i] - (xx[i] + yy[i]) / re for i in (0, 1)], dim=1
    )


def test_cavity_residual_is_navier_stokes() -> None:
    problem = Cavity(re=70.0)
    points = points_of(problem)
    disc = waves(3)
    found = residual(problem, points)
    expected = momentum(lambda at: disc(at)[:, :2], lambda at: disc(at)[:, 2:], 70.0, points)
    torch.testing.assert_close(found[:, :2], expected)
    divergence = components(disc, points, 0)[0] + components(disc, points, 1)[1]
    torch.testing.assert_close(found[:, 2], divergence)


def test_cavity_stream_residual_is_navier_stokes() -> None:
    problem = CavityStream(re=70.0)
    points = points_of(problem)
    disc = waves(2)

    def velocity(at: Tensor) -> Tensor:
        along_x, along_y = (derivative(disc, axis)(at)[:, 0] for axis in (0, 1))
        return torch.stack([along_y, -along_x], dim=1)

    expected = momentum(velocity, lambda at: disc(at)[:, 1:], 70.0, points)
    torch.testing.assert_close(residual(problem, points), expected)


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_the_grid_is_finite_where_judged_and_every_segment_has_points(problem: Problem) -> None:
    grid = problem.grid()
    judged = 2 if problem.kind == "cavity" else 1
    for points in (grid.interior, grid.supervised):
        assert points.exact.shape == (len(points.coordinates), problem.outputs)
        assert np.isfinite(points.exact[:, :judged]).all()
        assert np.isnan(points.reference[:, judged:]).all()
        assert points.exact.dtype == points.coordinates.dtype == np.float64
    for condition in problem.conditions.values():
        for segment in condition.segments:
            assert segment.holds(grid.supervised.coordinates).any()
            assert not segment.holds(grid.interior.coordinates).any()


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_the_reference_meets_the_conditions_on_values(problem: Problem) -> None:
    supervised = problem.grid().supervised
    for condition in problem.conditions.values():
        for segment in condition.segments:
            on = segment.holds(supervised.coordinates)
            demanded = segment.target(supervised.coordinates[on])
            assert demanded.shape == (on.sum(), len(condition.quantities))
            for column, (operator, output) in enumerate(condition.quantities):
                if condition.shift is None and not operator.first:
                    found = operator.zeroth * supervised.exact[on, output]
                    assert np.allclose(found, demanded[:, column], rtol=0, atol=1e-12)


def test_one_period_apart_the_periodic_ones_are_the_same_place() -> None:
    for problem in (AllenCahn(), ReactionDiffusion()):
        shift = problem.conditions["periodic"].shift
        assert shift == (problem.domain.extent[0], 0.0)
        assert problem.grid().interior.coordinates[:, 0].max() < problem.domain.high[0]


def test_the_last_level_is_at_time_one() -> None:
    """The original code's is at 0.99, labelled 1."""
    problem = ReactionDiffusion(nu=0.0, rho=5.0)
    points = problem.grid().interior
    x, t = points.coordinates.T
    assert t.max() == 1.0
    grown = np.exp(-((x - math.pi) ** 2) * 8 / math.pi**2 + 5 * t)
    closed = grown / (grown + 1 - grown * np.exp(-5 * t))
    assert np.allclose(points.exact[:, 0], closed, atol=1e-10)


def test_the_stream_function_belongs_to_the_velocities() -> None:
    n = 100
    psi = np.full((n, n), np.nan)
    velocity = np.full((n, n, 2), np.nan)
    for part in ("interior", "supervised"):
        stream, moving = getattr(CavityStream().grid(), part), getattr(Cavity().grid(), part)
        i, j = np.rint(stream.coordinates.T * (n - 1)).astype(int)
        psi[i, j], velocity[i, j] = stream.reference[:, 0], moving.exact[:, :2]
    h = 1 / (n - 1)
    inner = slice(20, 80)
    u, v = np.gradient(psi, h, axis=1), -np.gradient(psi, h, axis=0)
    assert np.allclose(u[inner, inner], velocity[inner, inner, 0], atol=1e-3)
    assert np.allclose(v[inner, inner], velocity[inner, inner, 1], atol=1e-3)


def test_the_cavitys_loss_is_the_mean_over_both_velocities() -> None:
    for problem, shares in ((Cavity(), lambda op: op.zeroth),
                            (CavityStream(), lambda op: sum(op.first.values()))):  # fmt: skip
        (condition,) = problem.conditions.values()
        assert [abs(shares(op)) for op, _ in condition.quantities] == [math.sqrt(0.5)] * 2
        lid = condition.segments[-1].target(np.array([[0.0, 1.0], [0.3, 1.0]]))
        assert np.array_equal(lid, [[math.sqrt(0.5), 0.0]] * 2)


@pytest.mark.parametrize("problem", [Burgers(), ReactionDiffusion(), AllenCahn()], ids=repr)
def test_the_hard_form_keeps_its_conditions(problem: Problem) -> None:
    hard = problem.hard
    assert hard is not None
    assert hard.lift is not None
    unit = np.random.default_rng(1).uniform(size=(40, 2))
    for name in hard.conditions:
        for segment in problem.conditions[name].segments:
            points = segment.at(unit, unit[:, 0])
            x, t = Taylor.coordinates(torch.from_numpy(points))
            network = sin(x * 3.0 + t) + 2.0
            kept = (hard.lift(x, t) + hard.factor(x, t) * network).value
            assert np.allclose(kept[:, None], segment.target(points), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (Burgers, {"nu": 1e-4}, r"nu must lie in \[0.001, 1.0\], found 0.0001"),
        (Burgers, {"points_x": 3}, "points_x must be >= 4, found 3"),
        (Burgers, {"interior_points": 0}, "interior_points must be 'all' or 1 to 25146, found 0"),
        (ReactionDiffusion, {"rho": math.nan}, "rho must lie in"),
        (ReactionDiffusion, {"nu": -1.0}, "nu must lie in"),
        (AllenCahn, {"diffusion": 0.0}, "diffusion must lie in"),
        (AllenCahn, {"rate": 60.0}, "rate must lie in"),
        (AllenCahn, {"points_t": 2}, "points_t must be >= 4"),
        (Cavity, {"re": 1000.0}, r"re must lie in \[1.0, 400.0\], found 1000.0"),
        (CavityStream, {"re": 0.0}, "re must lie in"),
        (Cavity, {"interior_points": 9605}, "1 to 9604, found 9605"),
    ],
)
def test_values_out_of_range_are_refused(
    kind: Callable[..., Problem], wrong: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**wrong)


def test_periodic_burgers_has_the_solution_that_is_held_at_its_sides() -> None:
    counts = {"points_x": 33, "points_t": 17, "nu": 0.02}
    held, periodic = Burgers(**counts), Burgers(**{**counts, "points_x": 32}, sides="periodic")  # type: ignore[arg-type]
    assert list(periodic.conditions) == ["initial", "periodic"]

    def solution(problem: Burgers) -> dict[tuple[float, float], float]:
        grid = problem.grid()
        return {
            (x, t): u
            for part in (grid.interior, grid.supervised)
            for (x, t), (u,) in zip(part.coordinates.tolist(), part.exact.tolist(), strict=True)
        }

    whole, open_ended = solution(held), solution(periodic)
    assert open_ended == pytest.approx({at: whole[at] for at in whole if at[0] < 1}, abs=1e-12)
