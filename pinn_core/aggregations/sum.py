"""The sum of the weighted gradients: the gradient of what is optimised."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.aggregations.aggregation import AGGREGATIONS, Aggregation, Settings, Terms


@AGGREGATIONS.register("sum")
@dataclass(frozen=True, kw_only=True)
class Sum(Aggregation):
    """The gradient of the weighted sum of the losses, conflicts or not.

    ``terms`` says what counts as one term where conflicts are recorded or an alignment asks.

    When to use: The default. Every other rule costs the gradients of the terms, one by one.
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
        """Ones."""
        return np.ones(gramian.shape[:2])
