"""The direction with the same positive cosine to every gradient, from their inner products.

Liu, Chu, Thuerey, ConFIG: towards conflict-free training of physics informed neural networks,
ICLR 2025, equations 2 and 3, with u_i = g_i / |g_i|:

    g_u = unit(pinv([u_1 ... u_t]^T) 1),        g = (sum_i g_i . g_u) g_u
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.vectors.gramian import ROUNDING, inner, inverse, lengths_of, solved, times


def conflict_free(gramian: Float[ndarray, "m t t"]) -> Float[ndarray, "m t"]:
    """The gradients' weights in g. By pinv(U) 1 = U^T pinv(U U^T) 1 the Gramian is enough.

    Zeros where the directions u_i add to zero, as two opposite ones do.

    >>> conflict_free(np.array([[[4.0, 0.0], [0.0, 1.0]]]))
    array([[0.75, 1.5 ]])
    """
    lengths = lengths_of(gramian)
    found = solved(gramian, np.where(lengths > 0, lengths, 1.0))
    products = times(gramian, found)
    none = (np.abs(products) <= ROUNDING * lengths).all(axis=1, keepdims=True)
    together = inner(np.ones_like(products), products)
    weights = found * together * inverse(inner(found, products))
    return np.where(none, 0.0, weights)
