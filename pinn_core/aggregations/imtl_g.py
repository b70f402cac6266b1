"""IMTL-G: the affine combination of the gradients that projects on each of them alike.

Liu, Li, Kuang, Xue, Chen, Yang, Liao, Zhang, Towards impartial multi-task learning, ICLR 2021,
section 3.1: g = sum_i a_i g_i with sum_i a_i = 1 and g . u_i the same for all u_i = g_i / |g_i|.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.aggregations.aggregation import AGGREGATIONS, Aggregation, Settings, Terms
from pinn_core.vectors.gramian import ROUNDING, inner, inverse, lengths_of, solved, times


@AGGREGATIONS.register("imtl_g", numerics=2)
@dataclass(frozen=True, kw_only=True)
class IMTLG(Aggregation):
    """Impartial multi-task learning by gradients (Liu et al. 2021).

    Of two gradients it is the bisector. Of three or more the combination may have negative weights;
    where they would add to a negative number, it points against all gradients alike, as the paper's
    formula does. A gradient of length zero takes no part. Where the gradients depend on each other
    linearly so that no direction projects on all of them alike, it is zero.

    When to use: With two terms, whose bisector it is; with more its weights may be negative.
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
        """What times the Gramian is the lengths (projections of one), divided by its sum."""
        lengths = lengths_of(gramian)
        found = solved(gramian, lengths)
        total = inner(np.ones_like(found), found)
        unlike = np.abs(times(gramian, found) - lengths) > ROUNDING * lengths
        weights: ndarray = np.where(unlike.any(axis=1, keepdims=True), 0.0, found * inverse(total))
        return weights
