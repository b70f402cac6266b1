"""UPGrad: the mean of the gradients' projections onto the directions that conflict with none.

Quinton and Rey, Jacobian descent for multi-objective optimization, arXiv:2406.16232 (2024),
equation 3 and proposition 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.aggregations.aggregation import AGGREGATIONS, Aggregation, Settings, Terms
from pinn_core.vectors.cone import multipliers
from pinn_core.vectors.gramian import times


@AGGREGATIONS.register("upgrad", numerics=2)
@dataclass(frozen=True, kw_only=True)
class UPGrad(Aggregation):
    """Unconflicting projection of gradients (Quinton and Rey 2024).

    Each gradient goes to the nearest point of the cone {d: g_i . d >= 0}, which is exact here (the
    authors' library adds a little to the Gramian's diagonal). Without conflicts it is the mean.

    When to use: Where a direction must conflict with no term, whatever their number.
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
        """The projection of g_i is g_i plus the cone's multipliers times the gradients."""
        members, count = gramian.shape[:2]
        found = multipliers(gramian.repeat(count, axis=0), gramian.reshape(-1, count))
        own = found.reshape(members, count, count)
        weights: ndarray = (1 + times(own.swapaxes(1, 2), np.ones((members, count)))) / count
        return weights
