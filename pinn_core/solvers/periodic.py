"""Fields u' = L u + N(u) that are periodic along a line: Fourier in space, ETDRK4 in time."""

from collections.abc import Callable
from itertools import islice

import numpy as np
from jaxtyping import Complex, Float, Shaped
from numpy import ndarray

from pinn_core.solvers.exponential import etdrk4


def spectral_march(
    start: Float[ndarray, "f n"],
    linear: Shaped[ndarray, "f k"],
    nonlinear: Callable[[ndarray], ndarray],
    end: float,
    levels: int,
    step: float,
) -> Float[ndarray, "f n levels"]:
    """All fields at n equally spaced places and ``levels`` times from 0 to ``end``, both included.

    ``linear`` are the eigenvalues of L for the k = n // 2 + 1 waves of a real field, ``nonlinear``
    gives N's Fourier coefficients (f, k) of fields (f, n). Waves beyond two thirds of the highest
    are left out of both, so that quadratic products are free of aliasing (Orszag 1971). ``step`` is
    the longest time step.
    """
    count, n = start.shape
    waves = n // 2 + 1
    kept = np.arange(waves) <= n // 3

    def rate(state: Complex[ndarray, " _"]) -> Complex[ndarray, " _"]:
        fields = np.fft.irfft(state.reshape(count, waves), n)
        masked: ndarray = (kept * nonlinear(fields)).ravel()
        return masked

    repeats = int(np.ceil(end / (levels - 1) / step))
    first = (kept * np.fft.rfft(start)).ravel()
    march = etdrk4(first, linear.ravel(), rate, end / (levels - 1) / repeats)
    states = islice(march, 0, (levels - 1) * repeats + 1, repeats)
    table = [np.fft.irfft(state.reshape(count, waves), n) for state in states]
    table[0] = start
    return np.stack(table, axis=2)


def places(low: float, high: float, points: int, finest: int) -> tuple[Float[ndarray, " n"], int]:
    """Equally spaced places without the far end, at least ``finest``, and every which is a point.

    >>> x, every = places(0.0, 1.0, 3, 8)
    >>> len(x), every
    (9, 3)
    """
    every = -(-finest // points)
    return np.linspace(low, high, every * points, endpoint=False), every


def wave_numbers(n: int, length: float) -> Float[ndarray, " k"]:
    """Of the n // 2 + 1 waves of a real field at n places of a line of this length."""
    numbers: ndarray = 2 * np.pi / length * np.arange(n // 2 + 1)
    return numbers
