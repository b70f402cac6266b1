from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pinn_core.problems.references import cavity_psi
from pinn_core.solvers import (
    cole_hopf,
    etdrk4,
    extrapolated_stream_function,
    flow,
    spectral_allen_cahn,
    split_reaction_diffusion,
    stream_function,
)


def periodic(n: int) -> np.ndarray:
    return 2 * np.pi * np.arange(n) / n


def bell(n: int) -> np.ndarray:
    return np.exp(-((periodic(n) - np.pi) ** 2) * 8 / np.pi**2)


def order(error: Callable[[float], float], step: float) -> float:
    return float(np.log2(error(step) / error(step / 2)))


def marched(
    start: np.ndarray, linear: np.ndarray, reaction: Callable[[np.ndarray], np.ndarray], steps: int
) -> np.ndarray:
    """A real periodic field at t = 1 by ETDRK4."""
    n = len(start)

    def nonlinear(state: np.ndarray) -> np.ndarray:
        return np.fft.rfft(reaction(np.fft.irfft(state, n)))

    march = etdrk4(np.fft.rfft(start), linear, nonlinear, 1 / steps)
    return np.fft.irfft(next(islice(march, steps, None)), n)


def test_exponential_differencing_is_of_fourth_order_on_a_known_front() -> None:
    start, speed = np.array([0.1 + 0j]), np.array([1.0])

    def error(step: float) -> float:
        march = etdrk4(start, speed, lambda u: -(u**3), step)
        end = next(islice(march, round(1 / step), None))
        return float(abs(end - 1 / np.sqrt(1 + 99 * np.exp(-2.0)))[0])

    assert order(error, 0.05) == pytest.approx(4, abs=0.3)


def test_burgers_starts_as_it_should_and_steepens_as_known() -> None:
    x = np.linspace(-1, 1, 256)
    nu = 0.01 / np.pi
    start = cole_hopf(x, np.array([0.0, 1e-12]), nu)
    assert np.allclose(start, -np.sin(np.pi * x)[:, None], atol=1e-10)
    h = 1e-5
    near = cole_hopf(np.array([h]), np.array([1.6037 / np.pi]), nu)[0, 0]
    assert near / h == pytest.approx(-152.00516, rel=1e-6)  # Basdevant et al. 1986, table 1


@pytest.mark.parametrize("nu", [1e-3, 0.01 / np.pi, 0.1, 1.0])
def test_burgers_does_not_depend_on_the_quadrature(nu: float) -> None:
    x, t = np.linspace(-1, 1, 65), np.linspace(0, 1, 21)
    assert np.allclose(cole_hopf(x, t, nu), cole_hopf(x, t, nu, 250), rtol=0, atol=1e-9)


def test_cole_and_hopf_agree_with_a_spectral_march() -> None:
    n, nu = 256, 0.05
    x = -1 + 2 * np.arange(n) / n
    k = np.pi * np.arange(n // 2 + 1)

    def steepening(u: np.ndarray) -> np.ndarray:
        return -np.fft.irfft(0.5j * k * np.fft.rfft(u * u), n)

    end = marched(-np.sin(np.pi * x), -nu * k**2, steepening, 500)
    assert np.allclose(cole_hopf(x, np.array([1.0]), nu)[:, 0], end, rtol=0, atol=1e-9)


def test_reaction_without_diffusion_has_its_closed_form_at_every_level() -> None:
    start, t = bell(64)[:, None], np.linspace(0, 1, 100)
    grown = start * np.exp(5 * t)
    closed = grown / (grown + 1 - start)
    assert np.allclose(split_reaction_diffusion(bell(64), 0.0, 5.0, 100), closed, atol=1e-11)


def test_diffusion_without_reaction_decays_every_wave() -> None:
    x, t = periodic(32)[:, None], np.linspace(0, 1, 11)
    found = split_reaction_diffusion(1 + np.cos(3 * x[:, 0]), 0.2, 0.0, 11)
    assert np.allclose(found, 1 + np.cos(3 * x) * np.exp(-1.8 * t), atol=1e-11)


def test_splitting_is_of_second_order_and_fine_enough() -> None:
    nu, rho = 5.0, 5.0
    k = np.arange(33)
    exact = marched(bell(64), -nu * k**2 + rho, lambda u: -rho * u * u, 2000)

    def error(step: float) -> float:
        return float(abs(split_reaction_diffusion(bell(64), nu, rho, 2, step)[:, -1] - exact).max())

    assert order(error, 0.02) == pytest.approx(2, abs=0.1)
    assert error(5e-4) < 1e-6


@pytest.mark.parametrize(("nu", "rho"), [(3.0, 5.0), (30.0, 30.0)])
def test_the_reference_of_reaction_and_diffusion_is_good_to_1e_4(nu: float, rho: float) -> None:
    usual = split_reaction_diffusion(bell(256), nu, rho, 11)
    assert abs(usual - split_reaction_diffusion(bell(256), nu, rho, 11, 2.5e-4)).max() < 1e-4
    assert abs(usual - split_reaction_diffusion(bell(512), nu, rho, 11)[::2]).max() < 1e-4


@pytest.mark.parametrize(("diffusion", "rate"), [(1e-4, 5.0), (1e-3, 10.0)])
def test_allen_cahn_is_resolved(diffusion: float, rate: float) -> None:
    usual = spectral_allen_cahn(diffusion, rate, 64, 100)
    finer = spectral_allen_cahn(diffusion, rate, 64, 100, resolution=40.0)
    slower = spectral_allen_cahn(diffusion, rate, 64, 100, step=2.5e-3)
    assert abs(usual - finer).max() < 1e-6
    assert abs(usual - slower).max() < 1e-6


def test_allen_cahn_agrees_with_finite_differences() -> None:
    diffusion, rate = 1e-2, 5.0

    def differences(n: int) -> np.ndarray:
        x = -1 + 2 * np.arange(n) / n

        def slope(t: float, u: np.ndarray) -> np.ndarray:
            bend = (np.roll(u, 1) + np.roll(u, -1) - 2 * u) * (n / 2) ** 2
            return diffusion * bend + rate * (u - u**3)

        start = x**2 * np.cos(np.pi * x)
        return solve_ivp(slope, (0, 1), start, rtol=1e-6, atol=1e-8).y[:: n // 50, -1]

    spectral = spectral_allen_cahn(diffusion, rate, 50, 2)[:, -1]
    coarse, fine = (abs(spectral - differences(n)).max() for n in (100, 200))
    assert coarse / fine == pytest.approx(4, rel=0.1)
    assert fine < 3e-3


def test_the_cavity_converges_to_the_kept_reference_at_second_order() -> None:
    kept = cavity_psi(100.0)
    errors = [abs(stream_function(100.0, n) - kept[:: 128 // (n - 1), :: 128 // (n - 1)]).max()
              for n in (17, 33, 65)]  # fmt: skip
    assert 3.0 < errors[0] / errors[1] < 6.0
    assert 3.0 < errors[1] / errors[2] < 6.0
    assert errors[2] < 1e-3


def middle_lines(psi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    s, half = np.linspace(0, 1, 2001), np.array([0.5])
    return s, flow(psi, half, s)[0, :, 1], flow(psi, s, half)[:, 0, 2]


def test_the_cavity_has_the_extrema_of_the_literature() -> None:
    """Marchi, Suero, Araki 2009 (1024 x 1024, extrapolated); Ghia et al. 1982 are 1 to 4 % off."""
    s, u, v = middle_lines(cavity_psi(100.0))
    found = np.array([u.min(), v.max(), v.min()])
    assert found == pytest.approx([-0.2140424, 0.1795728, -0.2538044], rel=5e-4)
    assert found == pytest.approx([-0.21090, 0.17527, -0.24533], rel=0.04)
    places = [s[u.argmin()], s[v.argmax()], s[v.argmin()]]
    assert places == pytest.approx([0.4531, 0.2344, 0.8047], abs=0.01)
    assert cavity_psi(100.0).min() == pytest.approx(-0.10352, abs=2e-5)


def test_a_faster_flow_is_solved_for() -> None:
    """Ghia et al. at Re = 400: u_min -0.32726, v_max 0.30203."""
    _, u, v = middle_lines(extrapolated_stream_function(400.0, 65))
    assert u.min() == pytest.approx(-0.32726, rel=0.02)
    assert v.max() == pytest.approx(0.30203, rel=0.02)


def test_extrapolation_takes_the_error_of_second_order_out() -> None:
    kept = cavity_psi(100.0)[::2, ::2]
    plain, better = (abs(solve(100.0, 65) - kept)[:, :57].max()
                     for solve in (stream_function, extrapolated_stream_function))  # fmt: skip
    assert better < plain / 10


def test_the_flow_has_no_divergence_and_the_walls_velocity() -> None:
    psi = cavity_psi(100.0)
    axis = np.linspace(0, 1, 100)
    disc = flow(psi, axis, axis)
    assert np.array_equal(disc[:, -1, 1], np.ones(100))
    assert not disc[:, :-1, 1:][[0, -1]].any()
    assert not disc[:, 0, 1:].any()
    h = 1e-4
    x, y = np.array([0.3 - h, 0.3, 0.3 + h]), np.array([0.7 - h, 0.7, 0.7 + h])
    _, u, v = np.moveaxis(flow(psi, x, y), -1, 0)
    assert u[2, 1] - u[0, 1] == pytest.approx(v[1, 0] - v[1, 2], rel=1e-5)
