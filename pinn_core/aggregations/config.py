"""ConFIG: the direction with the same positive cosine to every gradient.

Liu, Chu, Thuerey, ConFIG: towards conflict-free training of physics informed neural networks,
ICLR 2025, equations 2 and 3, with u_i = g_i / |g_i|:

    g_u = unit(pinv([u_1 ... u_t]^T) 1),        g = (sum_i g_i . g_u) g_u
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.aggregations.aggregation import AGGREGATIONS, Aggregation, Settings, Terms
from pinn_core.vectors.gramian import ROUNDING, inner, inverse, lengths_of, solved, times


@AGGREGATIONS.register("config", numerics=2)
@dataclass(frozen=True, kw_only=True)
class ConFIG(Aggregation):
    """Conflict-free inverse gradients (Liu, Chu, Thuerey 2025), all terms in every step.

    Its length is the sum of the gradients' projections, so that conflicts make small steps. Where
    the unit gradients add to zero (two that are opposite) the formula has no direction: it is zero.

    When to use: The direction made for PINNs: try it first where ``conflict/raw`` is often 1.
    """

    terms: Terms = "each"
    """What counts as one term: ``each`` of them, or ``two``, the residual and the sum of all
    others."""

    def weights(
        self,
        settings: Settings,  # noqa: ARG002
        gramian: Float[ndarray, "m t t"],
        seeds: Sequence[int],  # noqa: ARG002
        step: int,  # noqa: ARG002
    ) -> Float[ndarray, "m t"]:
        """pinv(U) 1 = U^T pinv(U U^T) 1, and U U^T comes from the Gramian."""
        lengths = lengths_of(gramian)
        found = solved(gramian, np.where(lengths > 0, lengths, 1.0))
        products = times(gramian, found)
        none = (np.abs(products) <= ROUNDING * lengths).all(axis=1, keepdims=True)
        together = inner(np.ones_like(products), products)
        weights = found * together * inverse(inner(found, products))
        return np.where(none, 0.0, weights)
