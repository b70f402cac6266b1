"""The grid of a problem in many dimensions: points of low discrepancy instead of n^d."""

import numpy as np
from numpy import ndarray

from pinn_core.geometry import Region
from pinn_core.problems.clipped import Solution, solved
from pinn_core.problems.conditions import Conditions
from pinn_core.problems.problem import Grid


def scattered(
    domain: Region,
    conditions: Conditions,
    inside: int,
    on_each: int,
    solution: Solution | None = None,
    outputs: int = 1,
) -> Grid:
    """So many points inside, and so many on each segment of each condition, always the same.

    They are those of Sobol sequences (Sobol 1967), shifted off the axes; ``solution`` gives (n, k)
    for points (n, d), None where the problem has no reference and so many ``outputs``.
    """
    dimensions = len(domain.low)
    unit = _sequence(inside, 1 + dimensions)
    interior = domain.at(unit[:, :-1])
    numbers = _sequence(on_each, 1 + dimensions)
    segments = [segment for condition in conditions.values() for segment in condition.segments]
    supervised = np.concatenate(
        [segment.at(numbers[:, :-1], numbers[:, -1]) for segment in segments]
    )
    inner, outer = (solved(points, solution, outputs) for points in (interior, supervised))
    return Grid(inner, outer, scattered=True)


def _sequence(count: int, dimensions: int) -> ndarray:
    from scipy.stats import qmc  # which takes long

    doublings = max(0, int(count - 1).bit_length())
    points: ndarray = qmc.Sobol(dimensions, scramble=False).random_base2(doublings)[:count]
    return np.asarray(points + 0.5 / 2**doublings)
