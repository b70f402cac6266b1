"""The heat equation by explicit finite differences."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray


def explicit_heat(
    start: Float[ndarray, "nx ny"], courant: float, steps: int, every: int
) -> Float[ndarray, "levels nx ny"]:
    """The heat equation by the explicit 5-point scheme, its border held at the start's values.

    ``courant`` is dt / h^2 and must be at most 1/4 for stability. Returns levels 0, ``every``,
    2 ``every``, ... up to ``steps``.
    """
    if not 0 < courant <= 0.25:
        raise ValueError(f"courant must lie in (0, 0.25], found {courant}")
    u = start.copy()
    levels = [u.copy()]
    for step in range(1, steps + 1):
        around = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
        u[1:-1, 1:-1] += courant * (around - 4.0 * u[1:-1, 1:-1])
        if step % every == 0:
            levels.append(u.copy())
    return np.stack(levels)
