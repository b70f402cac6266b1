r"""The Kuramoto-Sivashinsky equation, u_t + a u u_x + b u_xx + c u_xxxx = 0 on [0, 2 pi), periodic.

It starts at cos(x) (1 + sin(x)).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.solvers.periodic import places, spectral_march, wave_numbers

FINE = 512
"""Places at least."""
STEP = 1e-4
"""Longest time step."""


def spectral_kuramoto_sivashinsky(
    coefficients: tuple[float, float, float],
    points: int,
    levels: int,
    end: float,
    fine: int = FINE,
    step: float = STEP,
) -> Float[ndarray, "points levels"]:
    """The field at equally spaced places (0, not 2 pi) and times (both 0 and ``end``).

    ``coefficients`` are a, b and c.
    """
    a, b, c = coefficients
    x, every = places(0.0, 2 * np.pi, points, fine)
    k = wave_numbers(len(x), 2 * np.pi)

    def steepening(fields: Float[ndarray, "1 n"]) -> ndarray:
        half: ndarray = -0.5j * a * k * np.fft.rfft(fields**2)
        return half

    start = np.cos(x) * (1 + np.sin(x))
    linear = b * k**2 - c * k**4
    table = spectral_march(start[None], linear[None], steepening, end, levels, step)
    return table[0, ::every]
