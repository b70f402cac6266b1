r"""The complex Ginzburg-Landau equation A_t = d A_xx + r A - r (1 + c i) |A|^2 A.

Periodic on [-1, 1). It starts at A = 10 i x exp(-25 x^2).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.solvers.periodic import places, spectral_march, wave_numbers

FINE = 512
"""Places at least."""
STEP = 2e-4
"""Longest time step."""


def spectral_ginzburg_landau(
    coefficients: tuple[float, float, float],
    points: int,
    levels: int,
    end: float,
    fine: int = FINE,
    step: float = STEP,
) -> Float[ndarray, "2 points levels"]:
    """Real and imaginary part at equally spaced places (-1, not 1) and times (0 and ``end``, too).

    ``coefficients`` are d, r and c.
    """
    diffusion, rate, turning = coefficients
    x, every = places(-1.0, 1.0, points, fine)
    k = wave_numbers(len(x), 2.0)

    def saturation(fields: Float[ndarray, "2 n"]) -> ndarray:
        u, v = fields
        q = rate * (u**2 + v**2)
        return np.fft.rfft(np.stack([-q * (u - turning * v), -q * (v + turning * u)]))

    linear = np.tile(rate - diffusion * k**2, (2, 1))
    start = np.stack([np.zeros_like(x), 10 * x * np.exp(-25 * x**2)])
    return spectral_march(start, linear, saturation, end, levels, step)[:, ::every]
