"""Equations on a circle (KdV, Kuramoto-Sivashinsky, Gray-Scott, Ginzburg-Landau), their solvers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from scipy.integrate import solve_ivp

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.inputs import Periodic
from pinn_core.optimizers import SSBroyden
from pinn_core.problems import GinzburgLandau, GrayScott, KdV, KuramotoSivashinsky, Problem
from pinn_core.problems.gray_scott import RATES
from pinn_core.problems.kuramoto_sivashinsky import COEFFICIENTS
from pinn_core.problems.residual_form import traced
from pinn_core.solvers import (
    spectral_ginzburg_landau,
    spectral_gray_scott,
    spectral_kdv,
    spectral_kuramoto_sivashinsky,
)
from pinn_core.solvers.periodic import spectral_march, wave_numbers
from tests.pinn_core.test_solved_problems import components, points_of, residual, waves

GINZBURG_LANDAU = (0.004, 10.0, 1.5)
SMALL = {"points_x": 8, "points_t": 6, "end": 0.05}
KINDS = (KdV, KuramotoSivashinsky, GrayScott, GinzburgLandau)
every_kind = pytest.mark.parametrize("kind", KINDS)


def test_kdvs_residual_is_the_equation() -> None:
    problem = KdV(dispersion=3e-3)
    points = points_of(problem)
    (u,), (u_t,), (u_x,), (u_xxx,) = (
        components(waves(1), points, *axes) for axes in ((), (1,), (0,), (0, 0, 0))
    )
    expected = u_t + u * u_x + 3e-3 * u_xxx
    torch.testing.assert_close(residual(problem, points)[:, 0], expected)


def test_a_soliton_solves_kdv_and_the_spectral_march_carries_it() -> None:
    """3 c / cosh^2(sqrt(c / (4 d)) (x - c t)) moves at the speed c without changing."""
    c, d = 0.8, 0.022**2

    def soliton(x: Any, t: float) -> Any:
        return 3 * c / np.cosh(np.sqrt(c / (4 * d)) * (x - c * t)) ** 2

    x = np.linspace(-1, 1, 512, endpoint=False)
    k = wave_numbers(512, 2.0)

    def steepening(fields: ndarray) -> ndarray:
        half: ndarray = -0.5j * k * np.fft.rfft(fields**2)
        return half

    linear = (1j * d * k**3)[None]
    found = spectral_march(soliton(x, 0.0)[None], linear, steepening, 0.3, 4, 1e-4)[0]
    for level, t in enumerate(np.linspace(0, 0.3, 4)):
        assert np.allclose(found[:, level], soliton(x, t), rtol=0, atol=1e-8)

    def field(points: torch.Tensor) -> torch.Tensor:
        shifted = np.sqrt(c / (4 * d)) * (points[:, 0] - c * points[:, 1])
        return (3 * c / torch.cosh(shifted) ** 2)[:, None]

    points = torch.from_numpy(np.random.default_rng(0).uniform(0, 0.1, (20, 2)))
    (u,), (u_t,), (u_x,), (u_xxx,) = (
        components(field, points, *axes) for axes in ((), (1,), (0,), (0, 0, 0))
    )
    channels = torch.stack([u, u_x, u_t + d * u_xxx])[None, :, :, None]
    left = KdV().residual(channels, points[None])
    assert left.abs().max() < 1e-9 * (u * u_x).abs().max()


@pytest.mark.parametrize("end", [0.1, 0.3])
def test_kdv_does_not_change_with_half_the_step_or_twice_the_waves(end: float) -> None:
    d = 0.022**2
    usual = spectral_kdv(d, 32, 4, end)
    assert abs(usual - spectral_kdv(d, 32, 4, end, step=5e-5)).max() < 1e-8
    assert abs(usual - spectral_kdv(d, 32, 4, end, resolution=22.0)).max() < 1e-8


def test_kdv_conserves_mass_and_momentum() -> None:
    u = spectral_kdv(0.022**2, 512, 4, 0.3)
    x = np.linspace(-1, 1, 512, endpoint=False)
    assert np.array_equal(u[:, 0], np.cos(np.pi * x))
    assert abs(u.mean(0)).max() < 1e-12
    assert (u**2).mean(0) == pytest.approx(0.5, rel=1e-8)


SOLVERS: dict[str, tuple[Callable[..., ndarray], Any]] = {
    "ginzburg_landau": (spectral_ginzburg_landau, GINZBURG_LANDAU),
    "gray_scott": (spectral_gray_scott, RATES),
    "kuramoto_sivashinsky": (spectral_kuramoto_sivashinsky, COEFFICIENTS),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_the_other_references_are_resolved(name: str) -> None:
    solver, coefficients = SOLVERS[name]
    usual = solver(coefficients, 32, 4, 0.1)
    assert abs(usual - solver(coefficients, 32, 4, 0.1, step=5e-5)).max() < 1e-8
    assert abs(usual - solver(coefficients, 32, 4, 0.1, fine=1024)).max() < 1e-7


def bend(u: ndarray, length: float, order: int = 2) -> ndarray:
    k = 1j * wave_numbers(u.shape[-1], length)
    found: ndarray = np.fft.irfft(k**order * np.fft.rfft(u), u.shape[-1])
    return found


def kuramoto_sivashinsky(u: ndarray) -> ndarray:
    a, b, c = COEFFICIENTS
    length = 2 * np.pi
    return -a * u * bend(u, length, 1) - b * bend(u, length) - c * bend(u, length, 4)


def gray_scott(both: ndarray) -> ndarray:
    u, v = both
    return np.stack([
        0.2 * bend(u, 2.0) + 40 * (1 - u) - 1000 * u * v**2,
        0.1 * bend(v, 2.0) - 100 * v + 1000 * u * v**2,
    ])  # fmt: skip


def ginzburg_landau(both: ndarray) -> ndarray:
    a = both[0] + 1j * both[1]
    second = bend(both[0], 2.0) + 1j * bend(both[1], 2.0)
    slope = 0.004 * second + 10 * a - 10 * (1 + 1.5j) * a * abs(a) ** 2
    return np.stack([slope.real, slope.imag])


@pytest.mark.parametrize(
    ("name", "slope"),
    [
        ("kuramoto_sivashinsky", kuramoto_sivashinsky),
        ("gray_scott", gray_scott),
        ("ginzburg_landau", ginzburg_landau),
    ],
)
def test_a_reference_is_what_a_general_integrator_finds(
    name: str, slope: Callable[[ndarray], ndarray]
) -> None:
    """The equation written out anew, in time by Dormand and Prince's method of order 8."""
    solver, coefficients = SOLVERS[name]
    found = solver(coefficients, 128, 2, 0.02)
    start = found[..., 0]

    def flat(_: float, state: ndarray) -> ndarray:
        return slope(state.reshape(start.shape)).ravel()

    end = solve_ivp(flat, (0, 0.02), start.ravel(), "DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
    assert np.allclose(found[..., 1], end.reshape(start.shape), rtol=0, atol=2e-6)
    assert abs(found[..., 1] - start).max() > 0.05


def test_kuramoto_sivashinskys_residuals_are_the_equation_of_order_four() -> None:
    """Where w is u_xx / 16^2 the second is zero, and the first is that of order four."""

    def both(points: torch.Tensor) -> torch.Tensor:
        x, t = points[:, 0], points[:, 1]
        u, u_xx = torch.sin(2 * x + t) + torch.cos(3 * x) * t, -4 * torch.sin(2 * x + t)
        return torch.stack([u, (u_xx - 9 * torch.cos(3 * x) * t) / 256], dim=1)

    problem = KuramotoSivashinsky()
    points = points_of(problem)
    channels = [components(both, points, *axes) for axes in ((), (1,), (0,), (0, 0))]
    found = problem.residual(
        torch.stack([torch.stack(pair, 1) for pair in channels])[None], points[None]
    )[0]
    x, t = points.T
    u_xxxx = 16 * torch.sin(2 * x + t) + 81 * torch.cos(3 * x) * t
    (u, _), (u_t, _), (u_x, _), (u_xx, _) = channels
    expected = u_t + 100 / 16 * u * u_x + 100 / 16**2 * u_xx + 100 / 16**4 * u_xxxx
    torch.testing.assert_close(found[:, 0], expected)
    assert found[:, 1].abs().max() < 1e-13


def test_gray_scotts_residuals_are_the_equations() -> None:
    points = points_of(GrayScott())
    (u, v), (u_t, v_t), (u_xx, v_xx) = (
        components(waves(2), points, *axes) for axes in ((), (1,), (0, 0))
    )
    expected = torch.stack([
        u_t - 0.2 * u_xx - 40 * (1 - u) + 1000 * u * v**2,
        v_t - 0.1 * v_xx + 100 * v - 1000 * u * v**2,
    ], dim=1)  # fmt: skip
    torch.testing.assert_close(residual(GrayScott(), points), expected)


def test_ginzburg_landaus_residuals_are_the_complex_equation() -> None:
    points = points_of(GinzburgLandau())
    a, a_t, a_xx = (
        torch.complex(*components(waves(2), points, *axes)) for axes in ((), (1,), (0, 0))
    )
    left = a_t - 0.004 * a_xx - 10 * a + 10 * (1 + 1.5j) * a * a.abs() ** 2
    expected = torch.stack([left.real, left.imag], dim=1)
    torch.testing.assert_close(residual(GinzburgLandau(), points), expected)


@every_kind
def test_the_reference_starts_as_demanded_and_ends_at_the_end(kind: Any) -> None:
    problem: Problem = kind(**SMALL)
    supervised = problem.grid().supervised
    (start,) = problem.conditions["initial"].segments
    on = start.holds(supervised.coordinates)
    target = start.target(supervised.coordinates[on])
    assert on.sum() == 8
    assert np.allclose(supervised.exact[on, : target.shape[1]], target, rtol=0, atol=1e-12)
    assert problem.grid().interior.coordinates[:, 1].max() == 0.05
    assert problem.conditions["periodic"].shift == (problem.domain.extent[0], 0.0)


@every_kind
def test_the_residual_is_traced_to_polynomials(kind: Any) -> None:
    points = torch.rand(1, 3, 2, dtype=torch.float64)
    form = traced(kind(**SMALL), points)
    assert form is not None
    assert len(form.polynomials.quantities) == kind.outputs


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        *((kind, {}) for kind in KINDS),
        *((kind, {"inputs": Periodic(frequencies=2)}) for kind in KINDS),
        (KdV, {"inputs": Periodic(frequencies=2), "constraints": "hard"}),
    ],
)
def test_alone_or_packed_the_bits_are_the_same(kind: Any, parts: dict[str, Any]) -> None:
    configuration = Configuration(
        problem=kind(**SMALL),
        network=Mlp(width=6, depth=2, activation="tanh"),
        objective=Pinn(lambda_b=10.0),
        phases=(Adam(steps=2, learning_rate=1e-3), SSBroyden(steps=2)),
        record=Record(points=20, gradient_points=10, sketch_every=0),
        precision="float64",
        **parts,
    )
    pack = [Member(configuration, seed) for seed in range(2)]
    together = train(pack)
    assert [train([member])[0].digest() for member in pack] == [one.digest() for one in together]
    assert all(np.isfinite(one.table["loss/total"].to_numpy()).all() for one in together)


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (KdV, {"dispersion": 1e-6}, r"dispersion must lie in \[0.0002, 0.01\], found 1e-06"),
        (KdV, {"end": 2.0}, r"end must lie in \[0.01, 1.0\], found 2.0"),
        (KuramotoSivashinsky, {"end": 5.0}, r"end must lie in \[0.01, 1.0\], found 5.0"),
        (GrayScott, {"points_x": 3}, "points_x must be >= 4, found 3"),
        (GinzburgLandau, {"end": 0.0}, "end must lie in"),
    ],
)
def test_values_out_of_range_are_refused(kind: Any, wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**wrong)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_hard_constraints_of_two_fields_are_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match=f"problem {kind.kind} has no form"):
        Configuration(
            problem=kind(**SMALL),
            network=Mlp(width=6, depth=2, activation="tanh"),
            objective=Pinn(),
            phases=(Adam(steps=2),),
            constraints="hard",
        )
