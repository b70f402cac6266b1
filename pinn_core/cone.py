"""The cone of directions that conflict with no gradient, {d: g_i . d >= 0}, and its projection.

In the metric M the point of the cone nearest to p is p + M^-1 sum_i lambda_i g_i with the least

    1/2 lambda^T G lambda + b^T lambda,    lambda >= 0,    G_ij = g_i^T M^-1 g_j,  b_i = g_i . p

(the dual problem; Nocedal and Wright 2006, section 16.8).
"""

from itertools import combinations

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

from pinn_core.gramian import inner, inverse, lengths_of, solved, spectrum_of, times

ENUMERATED = 3
"""Up to so many gradients every active set is tried; more go to the NNLS of Lawson and Hanson."""


def multipliers(
    gramian: Float[ndarray, "m t t"], products: Float[ndarray, "m t"]
) -> Float[ndarray, "m t"]:
    """The lambda of every member; zero where no product is negative."""
    conflicting = (products < 0).any(axis=1)
    found = np.zeros_like(products)
    if conflicting.any():
        solve = _enumerated if products.shape[1] <= ENUMERATED else _least_squares
        found[conflicting] = solve(gramian[conflicting], products[conflicting])
    return found


def subsets(count: int) -> list[list[int]]:
    """All nonempty sets of gradients, the small ones first."""
    sizes = range(1, count + 1)
    return [list(each) for size in sizes for each in combinations(range(count), size)]


def _enumerated(gramian: ndarray, products: ndarray) -> ndarray:
    """The best of all stationary points on faces of lambda >= 0; one of them is the minimum."""
    best, least = np.zeros_like(products), np.zeros((len(products), 1))
    for active in subsets(products.shape[1]):
        found = np.zeros_like(products)
        found[:, active] = solved(gramian[:, active][:, :, active], -products[:, active])
        value = inner(found, times(gramian, found) / 2 + products)
        better = (found >= 0).all(axis=1, keepdims=True) & (value < least)
        best, least = np.where(better, found, best), np.where(better, value, least)
    return best


def _least_squares(gramian: ndarray, products: ndarray) -> ndarray:
    """The same as least squares with a root of the correlation matrix, each member on its own."""
    scale = inverse(lengths_of(gramian))
    values, vectors = spectrum_of(gramian)
    roots = np.sqrt(values)
    right = -inverse(roots) * times(vectors.swapaxes(1, 2), scale * products)
    matrices = roots[:, :, None] * vectors.swapaxes(1, 2)
    found = [
        scipy.optimize.nnls(np.ascontiguousarray(matrix), own, maxiter=100 * len(own))[0]
        for matrix, own in zip(matrices, right, strict=True)
    ]
    return scale * np.stack(found)
