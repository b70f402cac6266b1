"""IMTL-G: the affine combination of the gradients that projects on each of them alike.

Liu, Li, Kuang, Xue, Chen, Yang, Liao, Zhang, Towards impartial multi-task learning, ICLR 2021,
section 3.1: g = sum_i a_i g_i with sum_i a_i = 1 and g . u_i the same for all u_i = g_i / |g_i|.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.aggregation.aggregation import AGGREGATIONS, Aggregation, Settings, Terms
from pinn_core.gramian import inner, inverse, lengths_of, solved


@AGGREGATIONS.register("imtl_g")
@dataclass(frozen=True, kw_only=True)
class IMTLG(Aggregation):
    """Impartial multi-task learning by gradients (Liu et al. 2021).

    Of two gradients it is the bisector. Of three or more the combination may have negative weights;
    where they would add to a negative number, it points against all gradients alike, as the paper's
    formula does. A gradient of length zero takes no part.
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    terms: Terms = "each"

    def weights(
        self,
        settings: Settings,  # noqa: ARG002
        gramian: Float[ndarray, "m t t"],
        seeds: Sequence[int],  # noqa: ARG002
        step: int,  # noqa: ARG002
    ) -> Float[ndarray, "m t"]:
        """What times the Gramian is the lengths (projections of one), divided by its sum."""
        found = solved(gramian, lengths_of(gramian))
        total = inner(np.ones_like(found), found)
        weights: ndarray = found * inverse(total)
        return weights
