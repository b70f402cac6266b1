r"""The Korteweg-de Vries equation u_t + u u_x + d u_xxx = 0 on [-1, 1), periodic.

It starts at cos(pi x).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.solvers.periodic import places, spectral_march, wave_numbers

RESOLUTION = 11.0
"""Places at least, times sqrt(d): the solitons have widths of some sqrt(d)."""
STEP = 1e-4
"""Longest time step."""


def spectral_kdv(
    dispersion: float,
    points: int,
    levels: int,
    end: float,
    resolution: float = RESOLUTION,
    step: float = STEP,
) -> Float[ndarray, "points levels"]:
    """The field at equally spaced places (-1, not 1) and times (both 0 and ``end``)."""
    x, every = places(-1.0, 1.0, points, int(np.ceil(resolution / np.sqrt(dispersion))))
    k = wave_numbers(len(x), 2.0)

    def steepening(fields: Float[ndarray, "1 n"]) -> ndarray:
        half: ndarray = -0.5j * k * np.fft.rfft(fields**2)
        return half

    linear = 1j * dispersion * k**3
    table = spectral_march(np.cos(np.pi * x)[None], linear[None], steepening, end, levels, step)
    return table[0, ::every]
