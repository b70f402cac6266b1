"""The full grid of a problem on a box: equally spaced points, sorted by its conditions."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray

from pinn_core.problems.conditions import Box, Conditions
from pinn_core.problems.problem import Grid, Points

Solution = Callable[[ndarray], ndarray]


def lattice(
    domain: Box,
    conditions: Conditions,
    counts: Sequence[int],
    solution: Solution | None = None,
    open_ends: Sequence[int] = (),
    outputs: int = 1,
) -> Grid:
    """So many points per axis, ends included but for the far end of the axes in ``open_ends``.

    Points on a segment of any condition are supervised, all others interior; ``solution`` gives
    (n, k) for points (n, d), None where the problem has no reference: then there are so many
    ``outputs``. The last coordinate varies fastest.
    """
    points = mesh(domain, counts, open_ends)
    if solution is None:
        solved = np.full((len(points), outputs), np.nan)
    else:
        solved = np.asarray(solution(points), dtype=np.float64)
    held = np.zeros(len(points), dtype=bool)
    for condition in conditions.values():
        for segment in condition.segments:
            held |= segment.holds(points)

    def known(where: ndarray) -> Points:
        return Points(points[where], solved[where], solved[where])

    return Grid(known(~held), known(held))


def mesh(domain: Box, counts: Sequence[int], open_ends: Sequence[int] = ()) -> ndarray:
    """The points of the grid (n, d), the last coordinate varying fastest."""
    axes = [
        np.linspace(low, high, count, endpoint=axis not in open_ends)
        for axis, (low, high, count) in enumerate(zip(domain.low, domain.high, counts, strict=True))
    ]
    table: ndarray = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return table
