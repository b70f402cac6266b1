r"""The Allen-Cahn equation u_t = d u_xx + r (u - u^3) on [-1, 1), periodic, u0 = x^2 cos(pi x).

Fourier in space, ETDRK4 in time. The periodic u0 has a kink at x = 1 (its slope jumps from -2 to
2), so that a grid's own Fourier coefficients are wrong by O(1 / n^2); the integrals are used.
"""

from itertools import islice

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.solvers.exponential import etdrk4

RESOLUTION = 20.0
"""Grid points at least, times sqrt(d): what the kink has become by t = 0.01 is resolved to 1e-8."""
STEP = 5e-3
"""Longest time step at rate 5; it shrinks as the rate grows."""


def spectral_allen_cahn(
    diffusion: float,
    rate: float,
    points: int,
    levels: int,
    resolution: float = RESOLUTION,
    step: float = STEP,
) -> Float[ndarray, "points levels"]:
    """The field at equally spaced places (-1, not 1) and times (both 0 and 1)."""
    fronts = max(1.0, np.sqrt(rate / 20))  # theirs have a width of sqrt(d / r)
    every = int(np.ceil(resolution * fronts / np.sqrt(diffusion) / points))
    n = every * points
    repeats = int(np.ceil(max(1.0, rate / 5) / step / (levels - 1)))
    k = np.pi * np.arange(n // 2 + 1)

    def reaction(state: ndarray) -> ndarray:
        u = np.fft.irfft(state, n)
        return rate * np.fft.rfft(u - u**3)

    march = etdrk4(n * _start(n), -diffusion * k**2, reaction, 1 / (levels - 1) / repeats)
    kept = islice(march, 0, (levels - 1) * repeats + 1, repeats)
    table = np.stack([np.fft.irfft(state, n)[::every] for state in kept], axis=1)
    x = -1.0 + 2.0 * np.arange(points) / points
    table[:, 0] = x**2 * np.cos(np.pi * x)
    return table


def _start(n: int) -> ndarray:
    """Fourier coefficients of x^2 cos(pi x) for waves that start at x = -1.

    int_{-1}^{1} x^2 cos(pi m x) dx / 2 is 1/3 for m = 0 and 2 (-1)^m / (pi m)^2 else; cos(pi x)
    shifts m by one either way, and the place -1 gives the factor (-1)^k.
    """
    k = np.arange(n // 2 + 1)

    def square(m: ndarray) -> ndarray:
        safe = np.where(m == 0, 1, m)
        coefficient: ndarray = np.where(m == 0, 1 / 3, 2 * (-1.0) ** m / (np.pi * safe) ** 2)
        return coefficient

    start: ndarray = (-1.0) ** k * (square(k - 1) + square(k + 1)) / 2
    return start.astype(complex)
