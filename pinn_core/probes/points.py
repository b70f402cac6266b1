"""Points at which probes look, the same in every run of a problem."""

from functools import lru_cache
from math import ceil, prod

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.discretization.discretization import FIXED_POINTS_SEED
from pinn_core.problems import Problem
from pinn_core.randomness import generator


@lru_cache(maxsize=8)
def uniform_points(problem: Problem, least: int) -> Float[ndarray, "n d"]:
    """The midpoints of equal cells of the problem's domain, as few as are ``least`` or more.

    An axis has as many cells as any other. Of a domain with a shape of its own those are taken
    that lie in it.

    >>> from pinn_core.problems import Heat
    >>> uniform_points(Heat(), 1024).shape
    (1331, 3)
    """
    domain, axes = problem.domain, len(problem.coordinates)
    filled = domain.measure / float(np.prod(domain.extent))
    count = ceil((least / filled) ** (1 / axes) * (1 - 1e-9))
    while True:
        mids = (np.arange(count) + 0.5) / count
        unit = np.stack(np.meshgrid(*[mids] * axes, indexing="ij"), axis=-1).reshape(-1, axes)
        points = np.asarray(domain.low) + unit * domain.extent
        inside: ndarray = points[domain.holds(points)]
        if len(inside) >= least:
            return inside
        count += 1


@lru_cache(maxsize=4)
def points_between(problem: Problem, count: int) -> Float[ndarray, "n d"]:
    """``count`` points of the domain away from the grid's: first the midpoints of its cells.

    A fixed part of these where there are more, a Latin hypercube besides where there are fewer, and
    alone where the grid is no lattice.
    """
    rng = generator(FIXED_POINTS_SEED, "points/between", count)
    mids = _midpoints(problem)
    if len(mids) >= count:
        return mids[np.sort(rng.choice(len(mids), count, replace=False))]
    rest, axes = count - len(mids), len(problem.coordinates)
    slices = rng.permuted(np.tile(np.arange(rest), (axes, 1)), axis=1).T
    more = problem.domain.at((slices + rng.random((rest, axes))) / rest)
    return np.concatenate([mids, more])


def _midpoints(problem: Problem) -> Float[ndarray, "n d"]:
    """Of the cells of a grid that is a full lattice, those in the domain; else none."""
    grid, domain = problem.grid(), problem.domain
    points = np.concatenate([grid.interior.coordinates, grid.supervised.coordinates])
    values = [np.unique(along) for along in points.T]
    if grid.scattered or prod(map(len, values)) != len(np.unique(points, axis=0)):
        return points[:0]
    ends = [
        np.append(along, high) if high > along[-1] else along
        for along, high in zip(values, domain.high, strict=True)
    ]
    mids = [(along[1:] + along[:-1]) / 2 for along in ends]
    table = np.stack(np.meshgrid(*mids, indexing="ij"), axis=-1).reshape(-1, len(mids))
    inside: ndarray = table[domain.holds(table)]
    return inside
