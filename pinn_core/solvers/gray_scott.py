r"""The Gray-Scott model of two substances on a line, periodic on [-1, 1).

u_t = d_u u_xx + b1 (1 - u) - c1 u v^2,    v_t = d_v v_xx - b2 v + c2 u v^2
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.solvers.periodic import places, spectral_march, wave_numbers

FINE = 512
"""Places at least."""
STEP = 1e-4
"""Longest time step."""


def spectral_gray_scott(
    rates: Mapping[str, float],
    points: int,
    levels: int,
    end: float,
    fine: int = FINE,
    step: float = STEP,
) -> Float[ndarray, "2 points levels"]:
    """Both at equally spaced places (-1, not 1) and times (both 0 and ``end``).

    ``rates`` are d_u, d_v, b1, b2, c1 and c2. They start at u = 1 - exp(-10 (x + 0.05)^2) and
    v = exp(-10 (x - 0.05)^2).
    """
    x, every = places(-1.0, 1.0, points, fine)
    k = wave_numbers(len(x), 2.0)

    def reaction(fields: Float[ndarray, "2 n"]) -> ndarray:
        u, v = fields
        met = u * v**2
        return np.fft.rfft(np.stack([rates["b1"] - rates["c1"] * met, rates["c2"] * met]))

    linear = np.stack([-rates["d_u"] * k**2 - rates["b1"], -rates["d_v"] * k**2 - rates["b2"]])
    start = np.stack([1 - np.exp(-10 * (x + 0.05) ** 2), np.exp(-10 * (x - 0.05) ** 2)])
    return spectral_march(start, linear, reaction, end, levels, step)[:, ::every]
