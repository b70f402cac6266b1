r"""Two substances that react and diffuse, by the method of lines.

a_t = D a_xx - k a b^2, b_t = D b_xx - 2 k a b^2 on [0, 1], held at both ends: central differences
of second order in x, backward differentiation formulas in t.
"""

import numpy as np
import scipy  # its parts are imported where they are used: not by every worker
from jaxtyping import Float
from numpy import ndarray

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Tolerances of the integration in time, far below the differences' error."""


def react_and_diffuse(
    start: Float[ndarray, "2 n"], diffusion: float, rate: float, times: Float[ndarray, " levels"]
) -> Float[ndarray, "2 n levels"]:
    """Both concentrations at n equally spaced places, of which the ends keep their values."""
    count = start.shape[1]
    h = 1.0 / (count - 1)

    def slope(_: float, flat: ndarray) -> ndarray:
        a, b = flat.reshape(2, count)
        reaction = rate * a * b**2
        change = np.zeros((2, count))
        for row, field, factor in ((0, a, 1.0), (1, b, 2.0)):
            bend = (field[2:] - 2.0 * field[1:-1] + field[:-2]) / h**2
            change[row, 1:-1] = diffusion * bend - factor * reaction[1:-1]
        return change.ravel()

    near = scipy.sparse.diags([1.0, 1.0, 1.0], [-1, 0, 1], shape=(count, count)).toarray()
    pattern = np.block([[near, np.eye(count)], [np.eye(count), near]])
    solved = scipy.integrate.solve_ivp(
        slope,
        (times[0], times[-1]),
        start.ravel(),
        "BDF",
        times,
        rtol=RELATIVE,
        atol=ABSOLUTE,
        jac_sparsity=pattern,
    )
    table: ndarray = solved.y.reshape(2, count, len(times))
    return table
