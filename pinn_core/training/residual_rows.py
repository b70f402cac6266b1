"""The residuals whose squares a pack's loss sums, with their Jacobian, at one step's parameters."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives import Batch
from pinn_core.objectives.jacobian import with_jacobian
from pinn_core.objectives.terms import Factors, Term
from pinn_core.training.loss_weights import LossWeights


class ResidualRows:
    """``StepContext.residuals``: rows of all terms, on the step's points with its weights.

    A row is a quantity's mismatch at a point times sqrt(w f / n), with the term's weight w, the
    point's factor f and the n points of the term, so that the loss is the sum of squares. On a CPU
    each member goes alone, as alone its bits.
    """

    def __init__(
        self,
        disc: Discretization,
        loss_weights: LossWeights,
        batch: Batch,
        parameters: Float[Tensor, "m p"],
    ) -> None:
        self._disc, self._loss_weights, self._batch = disc, loss_weights, batch
        self._parameters = parameters

    def __call__(
        self, members: Sequence[int]
    ) -> tuple[Float[Tensor, "k rows"], Float[Tensor, "k rows size"]]:
        """Rows and their derivatives by the parameters (without padding) of the named members."""
        together = [list(members)] if self._parameters.is_cuda else [[member] for member in members]
        found = [self._of(group) for group in together]
        if len(found) == 1:
            return found[0]
        rows, tables = zip(*found, strict=True)
        return torch.cat(rows), torch.cat(tables)

    def _of(self, members: list[int]) -> tuple[Tensor, Tensor]:
        factors = self._loss_weights.factors_again(members)
        weights = self._loss_weights.table[:, members]
        parts = [
            self._term(term, members, weight, factors)
            for term, weight in zip(self._loss_weights.terms, weights, strict=True)
        ]
        rows, tables = zip(*parts, strict=True)
        return torch.cat(rows, dim=1), torch.cat(tables, dim=1)

    def _term(
        self, term: Term, members: list[int], weight: Float[Tensor, " k"], factors: Factors
    ) -> tuple[Tensor, Tensor]:
        point_set = self._batch[term.points].of(members)
        parameters = self._parameters[members]
        quantities, table = with_jacobian(self._disc, parameters, term, point_set)
        target = term.target(point_set, quantities)
        mismatch = quantities if target is None else quantities - target
        scale = (weight / quantities.shape[1])[:, None, None].to(quantities.dtype)
        share = term.share(point_set)
        if share is not None:
            scale = scale * share
        own = factors(term.name, mismatch.square().sum(2), point_set.coordinates)
        if own is not None:
            scale = scale * own[..., None]
        known = term.known(point_set)
        if known is not None:
            scale = scale * known
        scale = scale.sqrt().expand_as(mismatch)
        return (scale * mismatch).flatten(1), (table * scale[..., None]).flatten(1, 2)
