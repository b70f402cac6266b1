r"""GUA: an optimizer's update is brought back to the directions that conflict with no loss term.

Gradient-update alignment (arXiv:2609.01558, 2026). A direction that conflicts with no gradient
usually does again once Adam's averages and scales have made an update of it. With M the optimizer's
metric (Adam: the diagonal (sqrt(v_hat) + epsilon) / lr; SOAP: that diagonal in its bases) and
p = -update, what is applied is -d with

    d = argmin |d - p|_M  where g_i . d >= 0 for all i,    d = p + M^-1 sum_i lambda_i g_i

so that d is the update of the average m_hat + sum_i lambda_i g_i, with the multipliers of the dual
problem (``pinn_core.vectors.cone``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pinn_core.alignments.alignment import ALIGNMENTS, Alignment, Proposal
from pinn_core.checks import within
from pinn_core.optimizers.optimizer import Optimizer, Settings
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.cone import multipliers
from pinn_core.vectors.gramian import combined, gramian_of
from pinn_core.vectors.rows import dots


@ALIGNMENTS.register("gua", numerics=2)
@dataclass(frozen=True, kw_only=True)
class GUA(Alignment):
    """Projection of the update in the optimizer's metric, and a soft move of its moments.

    The moments then go the parts ``rho_m`` and ``rho_v`` (the paper: 0.1 and 0.03 to 0.7 and 0.2)
    of the way to those of the applied update. The paper's outline does not say which these are.
    Here they are what the optimizer would have, had the gradient of this very step been the one
    that leads to the applied update: for Adam, with c = sum_i lambda_i g_i,

        m <- m + rho_m (1 - beta1^t) c
        v <- v + rho_v (1 - beta2) (g'^2 - g^2),    g' = g + (1 - beta1^t) / (1 - beta1) c

    and for SOAP the same with m, v, g and c in its bases, while the means of G G^T and G^T G that
    the bases come from stay those of the gradients.
    A member without conflict keeps its update and moments to the bit.

    When to use: With Adam, AdamW or SOAP, where ``conflict/proposal`` stays high although
    ``conflict/direction`` is low.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"rho_m", "rho_v"})

    rho_m: float = 0.1
    """How far the first moment moves towards that of the applied update, from 0 to 1."""
    rho_v: float = 0.03
    """How far the second moment moves, from 0 to 1."""

    def __post_init__(self) -> None:
        within(0, 1, rho_m=self.rho_m, rho_v=self.rho_v)

    def check(self, phases: Sequence[Optimizer]) -> None:
        """Refuse optimizers that offer no metric."""
        without = [phase.kind for phase in phases if not phase.has_metric]
        if without:
            raise ValueError(
                "alignment gua projects updates in the optimizer's metric, which "
                f"{without[0]} does not offer: found it among the phases"
            )

    def aligned(self, settings: Settings, proposal: Proposal) -> Float[Tensor, "m p"]:
        """The projected update; the moments move with it."""
        optimizer, gradients, update = proposal.optimizer, proposal.gradients, proposal.update
        products = -dots(gradients, [update] * len(gradients), proposal.backend).T
        conflicting = (products < 0).any(1) & products.isfinite().all(1)
        if not conflicting.any():
            return update
        scaled = [
            optimizer.precondition(
                proposal.settings,
                proposal.state,
                proposal.context,
                gradient.double(),
                proposal.step,
            )
            for gradient in gradients
        ]
        exact = [gradient.double() for gradient in gradients]
        gramian = gramian_of(exact, scaled, proposal.backend)
        sound = conflicting & gramian.flatten(1).isfinite().all(1)
        weights = _multipliers(gramian, products, sound)
        change = combined(weights, gradients)
        optimizer.follow(
            proposal.state,
            proposal.context,
            change,
            proposal.step,
            (settings["rho_m"], settings["rho_v"]),
        )
        correction = combined(weights, scaled)
        applied = (update.double() - correction).to(update.dtype)
        return torch.where(sound[:, None], applied, update)


def _multipliers(
    gramian: Float[Tensor, "m t t"], products: Float[Tensor, "m t"], which: Bool[Tensor, " m"]
) -> Float[ndarray, "m t"]:
    """The cone's multipliers of some members; the others have zeros."""
    own = which.cpu().numpy()
    weights = np.zeros(tuple(products.shape))
    with np.errstate(all="ignore"):  # after a divergence there is anything
        weights[own] = multipliers(gramian.cpu().numpy()[own], products.cpu().numpy()[own])
    return weights
