"""PCGrad: each gradient loses what points against the others, one after the other.

Yu, Kumar, Gupta, Levine, Hausman, Finn, Gradient surgery for multi-task learning, NeurIPS 2020,
algorithm 1: for every i and every other j in random order,

    g_i' <- g_i' - min(g_i' . g_j, 0) / |g_j|^2  g_j,        g = sum of all g_i'
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pinn_core.aggregations.aggregation import AGGREGATIONS, Aggregation, Settings, Terms
from pinn_core.randomness import generator
from pinn_core.vectors.gramian import inner, inverse


@AGGREGATIONS.register("pcgrad")
@dataclass(frozen=True, kw_only=True)
class PCGrad(Aggregation):
    """Projecting conflicting gradients (Yu et al. 2020), their sum as in the paper.

    The random order is drawn by seed and step, for every gradient anew; of two gradients there is
    one order only. With three or more the direction may conflict all the same.

    When to use: As the simple, well-known reference for the other rules.
    """

    terms: Terms = "each"
    """What counts as one term: ``each`` of them, or ``two``, the residual and the sum of all
    others."""

    def weights(
        self,
        settings: Settings,  # noqa: ARG002
        gramian: Float[ndarray, "m t t"],
        seeds: Sequence[int],
        step: int,
    ) -> Float[ndarray, "m t"]:
        """Algorithm 1 in the coordinates of the gradients."""
        members, count = gramian.shape[:2]
        orders = np.stack([_orders(count, seed, step) for seed in seeds])
        squares = inverse(gramian.diagonal(axis1=1, axis2=2))
        every = np.arange(members)
        total = np.zeros((members, count))
        for own in range(count):
            weights = np.zeros((members, count))
            weights[:, own] = 1.0
            for other in orders[:, own].T:
                product = inner(weights, gramian[every, other])[:, 0]
                share = np.minimum(product, 0.0) * squares[every, other]
                weights[every, other] -= np.where(other == own, 0.0, share)
            total += weights
        return total


def _orders(count: int, seed: int, step: int) -> Int[ndarray, "t t"]:
    """For every gradient the order of all of them; itself, which it passes over, included."""
    table = np.tile(np.arange(count), (count, 1))
    if count <= 2:
        return table
    return generator(seed, "aggregation/pcgrad", step).permuted(table, axis=1)
