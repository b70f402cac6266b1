"""ConFIG: the direction with the same positive cosine to every gradient.

Liu, Chu, Thuerey, ConFIG: towards conflict-free training of physics informed neural networks,
ICLR 2025; its equations are in ``pinn_core.vectors.conflict_free``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from numpy import ndarray

from pinn_core.aggregations.aggregation import AGGREGATIONS, Aggregation, Settings, Terms
from pinn_core.vectors.conflict_free import conflict_free


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
        """By equations 2 and 3."""
        return conflict_free(gramian)
