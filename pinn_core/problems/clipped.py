"""The full grid of a problem on a domain of any shape."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod

import numpy as np
from numpy import ndarray

from pinn_core.geometry import BoundaryPart, Over, Region
from pinn_core.problems.conditions import Conditions
from pinn_core.problems.problem import Grid, Points

Solution = Callable[[ndarray], ndarray]

MOST_COUNTED = 1 << 20
"""Points of a bounding box's grid up to which it is counted how many lie inside."""
APART = 1e-9
"""Points that are nearer to each other, in parts of the domain's size, are one."""


def clipped(
    domain: Region,
    conditions: Conditions,
    counts: Sequence[int],
    solution: Solution | None = None,
    outputs: int = 1,
) -> Grid:
    """The points inside of a grid with so many points along each axis of the bounding box.

    Supervised points lie equally spaced by arc length on each region of the conditions (at
    about the same distance, at the grid's times); ``solution`` gives (n, k) for points (n, d), None
    where the problem has no reference: then there are so many ``outputs``.
    Raises ``ValueError`` where the grid is so coarse that no point lies inside.
    """
    regions = _regions(conditions)
    interior, supervised = _points(domain, regions, tuple(counts))

    return Grid(solved(interior, solution, outputs), solved(supervised, solution, outputs))


def solved(points: ndarray, solution: Solution | None, outputs: int) -> Points:
    """Points with their solution, if it is known."""
    if solution is None:
        return Points.without_solution(points, outputs)
    values = np.asarray(solution(points), dtype=np.float64)
    return Points(points, values, values)


def clipped_size(domain: Region, conditions: Conditions, counts: Sequence[int]) -> tuple[int, int]:
    """How many interior and supervised points ``clipped`` gives.

    Where the bounding box has more than ``MOST_COUNTED`` points that is estimated, by areas and
    lengths: nothing so large is made to be counted.
    """
    regions = _regions(conditions)
    if prod(counts) <= MOST_COUNTED:
        interior, supervised = _points(domain, regions, tuple(counts))
        return len(interior), len(supervised)
    spacing = _spacing(domain, counts)
    inside = domain.measure / float(np.prod(spacing))
    outside = sum(region.measure / float(np.prod(spacing[_free(region)])) for region in regions)
    return round(inside), round(outside)


def _regions(conditions: Conditions) -> tuple[Region, ...]:
    segments = [segment for condition in conditions.values() for segment in condition.segments]
    return tuple(dict.fromkeys(region for segment in segments for region in segment.regions))


def _spacing(domain: Region, counts: Sequence[int]) -> ndarray:
    return np.asarray(domain.extent / (np.asarray(counts, dtype=float) - 1))


def _free(region: Region) -> list[int]:
    """Axes along which a region's points are spaced, one for the two of an arc."""
    if isinstance(region, BoundaryPart):
        return [0]
    if isinstance(region, Over):
        return [*_free(region.base), *([2] if region.end > region.start else [])]
    return np.flatnonzero(region.extent > 0).tolist()


@lru_cache(maxsize=8)
def _points(
    domain: Region, regions: tuple[Region, ...], counts: tuple[int, ...]
) -> tuple[ndarray, ndarray]:
    spacing = _spacing(domain, counts).tolist()
    interior = domain.spaced(spacing)
    on = np.any([region.holds(interior) for region in regions], axis=0)
    interior = interior[~on]
    on_regions = [region.spaced(spacing) for region in regions]
    if not all(map(len, (interior, *on_regions))):
        raise ValueError(
            f"a grid of {' x '.join(map(str, counts))} points has none inside {domain}, or none on "
            f"a region of its conditions: more are needed along an axis"
        )
    supervised = np.concatenate(on_regions)
    rounded = np.round(supervised / (APART * domain.extent.max()))
    _, first = np.unique(rounded, axis=0, return_index=True)
    return interior, supervised[np.sort(first)]
