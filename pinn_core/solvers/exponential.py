r"""Exponential time differencing: u' = L u + N(u) with a diagonal L, of fourth order in time.

ETDRK4 (Cox and Matthews, Journal of Computational Physics 176, 2002), whose coefficients are means
over a circle around each hL, free of cancellation (Kassam and Trefethen, SIAM Journal on Scientific
Computing 26, 2005).
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

CIRCLE = 32
"""Points on the circle (Kassam and Trefethen, section 3)."""


def etdrk4(
    start: Complex[ndarray, " k"],
    linear: Float[ndarray, " k"] | Complex[ndarray, " k"],
    nonlinear: Callable[[ndarray], ndarray],
    step: float,
) -> Iterator[Complex[ndarray, " k"]]:
    """The states at 0, ``step``, 2 ``step`` and so on, without end.

    A real ``linear`` has real coefficients, a complex one (waves that disperse) complex ones.
    """
    half, whole = np.exp(linear * step / 2), np.exp(linear * step)
    circle = np.exp(2j * np.pi * (np.arange(CIRCLE) + 0.5) / CIRCLE)
    r = step * linear[:, None] + circle
    e = np.exp(r)

    def mean(values: ndarray) -> ndarray:
        averaged: ndarray = step * values.mean(axis=1)
        return averaged if np.iscomplexobj(linear) else averaged.real

    q = mean((np.exp(r / 2) - 1) / r)
    first = mean((-4 - r + e * (4 - 3 * r + r**2)) / r**3)
    middle = mean((2 + r + e * (r - 2)) / r**3)
    last = mean((-4 - 3 * r - r**2 + e * (4 - r)) / r**3)
    state = start
    while True:
        yield state
        n0 = nonlinear(state)
        a = half * state + q * n0
        na = nonlinear(a)
        b = half * state + q * na
        nb = nonlinear(b)
        nc = nonlinear(half * a + q * (2 * nb - n0))
        state = whole * state + first * n0 + 2 * middle * (na + nb) + last * nc
