from __future__ import annotations

import numpy as np
import pytest

from pinn_core.problems import Heat, Points


def whole(name: str) -> np.ndarray:
    grid = Heat().grid()
    return np.concatenate([getattr(grid.interior, name), getattr(grid.supervised, name)])


def differences_at(n: int, t: float) -> np.ndarray:
    """Finite differences minus series on the inner points at time t."""
    heat = Heat()
    disc = heat.numerical(n, round(16 * (n - 1) ** 2 * t))[1][1:-1, 1:-1]
    axis = np.linspace(0, 1, n)[1:-1]
    x, y = np.meshgrid(axis, axis, indexing="ij")
    return disc - heat.exact(x.ravel(), y.ravel(), np.full(x.size, t)).reshape(x.shape)


def test_the_grid_has_the_papers_points() -> None:
    grid = Heat().grid()
    supervised = grid.supervised.coordinates
    assert len(grid.interior.coordinates) == 24 * 24 * 25 == 14_400
    assert len(supervised) == 3_176
    assert (supervised[:, 2] > 0).sum() == 100 * 25
    assert grid.interior.coordinates.min() > 0


def test_finite_differences_agree_with_the_series() -> None:
    difference = differences_at(26, 0.1)
    assert abs(difference).max() == pytest.approx(0.0380, abs=5e-4)
    error = whole("reference") - whole("exact")
    assert np.mean(error**2) == pytest.approx(1.9e-4, rel=0.01)
    relative = np.linalg.norm(error) / np.linalg.norm(whole("exact"))
    assert relative == pytest.approx(4.67e-3, rel=0.01)


def test_finite_differences_are_of_second_order() -> None:
    coarse, fine = (abs(differences_at(n, 0.1)).max() for n in (21, 41))
    assert coarse / fine == pytest.approx(4, rel=0.15)


def test_known_levels_of_the_mean_square() -> None:
    disc = whole("reference")
    assert np.mean(disc**2) == pytest.approx(8.75, abs=0.005)
    assert np.var(disc) == pytest.approx(3.13, abs=0.005)


@pytest.mark.parametrize("heat", [Heat(), Heat(a1=-1.0, a2=2.0, freq=1)])
def test_the_series_solves_the_equation_and_its_conditions(heat: Heat) -> None:
    rng = np.random.default_rng(0)
    x, y, t = rng.uniform([[0.1], [0.1], [0.2]], [[0.9], [0.9], [0.9]], (3, 50))
    h = 1e-3

    def u(dx: float = 0, dy: float = 0, dt: float = 0) -> np.ndarray:
        return heat.exact(x + dx, y + dy, t + dt)

    laplacian = (u(h) + u(-h) + u(0, h) + u(0, -h) - 4 * u()) / h**2
    slope = (u(0, 0, h) - u(0, 0, -h)) / (2 * h)
    assert abs(laplacian - slope).max() < 2e-2 * abs(laplacian - slope + 100).max()
    side = np.linspace(0, 1, 11)
    late = np.full(11, 0.3)
    assert np.allclose(heat.exact(side, 0 * side, late), heat.sides(side), atol=1e-12)
    assert np.allclose(heat.exact(0 * side, side, late), heat.a1, atol=1e-12)
    assert np.allclose(heat.exact(0 * side + 1, side, late), heat.a2, atol=1e-12)


def test_conditions_are_demanded_where_points_are_supervised_alone() -> None:
    heat = Heat(a1=-1.0)
    grid = heat.grid()
    (segment,) = heat.conditions["boundary"].segments
    assert not segment.holds(grid.interior.coordinates).any()
    assert segment.holds(grid.supervised.coordinates).all()
    target = segment.target(grid.supervised.coordinates)
    assert np.array_equal(target, grid.supervised.exact)
    inside_at_start = initial_points(grid.supervised)
    assert inside_at_start.sum() == 576
    assert not target[inside_at_start].any()


def initial_points(points: Points) -> np.ndarray:
    x, y, t = points.coordinates.T
    return (t == 0) & (x > 0) & (x < 1) & (y > 0) & (y < 1)


@pytest.mark.parametrize("bad", [{"points_per_axis": 3}, {"freq": 0}, {"interior_points": 14_401}])
def test_impossible_settings_are_named(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Heat(**bad)
