"""The cone of directions that conflict with no gradient, {d: g_i . d >= 0}, and its projection.

In the metric M the point of the cone nearest to p is p + M^-1 sum_i lambda_i g_i with the least

    1/2 lambda^T G lambda + b^T lambda,    lambda >= 0,    G_ij = g_i^T M^-1 g_j,  b_i = g_i . p

(the dual problem; Nocedal and Wright 2006, section 16.8).
"""

from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.vectors.gramian import correlation_of, inverse, lengths_of, solved, times


def multipliers(
    gramian: Float[ndarray, "m t t"], products: Float[ndarray, "m t"]
) -> Float[ndarray, "m t"]:
    """The lambda of every member; zero where no product is negative.

    The lambda of a gradient of length zero is zero. Where gradients depend on each other linearly
    lambda is not unique; the projection is.
    """
    conflicting = (products < 0).any(axis=1)
    solution = np.zeros_like(products)
    if conflicting.any():
        solution[conflicting] = _of_active_sets(gramian[conflicting], products[conflicting])
    return solution


def subsets(count: int) -> list[list[int]]:
    """All nonempty sets of gradients, the small ones first."""
    sizes = range(1, count + 1)
    return [list(each) for size in sizes for each in combinations(range(count), size)]


def _of_active_sets(gramian: ndarray, products: ndarray) -> ndarray:
    """Of the stationary points on all faces of lambda >= 0 the one whose direction conflicts least.

    One of them is the minimum, whose direction conflicts with no gradient: what is left there is
    rounding. Conflicts are compared as products with the gradients' directions, so that their
    lengths do not count.
    """
    directions, slopes = correlation_of(gramian), inverse(lengths_of(gramian)) * products
    best, least = np.zeros_like(products), slopes.min(axis=1, keepdims=True)
    for active in subsets(products.shape[1]):
        candidate = np.zeros_like(products)
        candidate[:, active] = solved(gramian[:, active][:, :, active], -products[:, active])
        served = slopes + times(directions, lengths_of(gramian) * candidate)
        lowest = served.min(axis=1, keepdims=True)
        better = (candidate >= 0).all(axis=1, keepdims=True) & (lowest > least)
        best, least = np.where(better, candidate, best), np.where(better, lowest, least)
    return best
