"""The residuals whose squares a pack's loss sums, with their Jacobian, at one step's parameters."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives import Batch
from pinn_core.objectives.jacobian import with_jacobian
from pinn_core.objectives.last_layer import by_last_layer
from pinn_core.objectives.term import Factors, Term
from pinn_core.training.loss_weights import LossWeights
from pinn_core.training.penalty import Penalty


class ResidualRows:
    """``StepContext.residuals``; by ``at`` its ``rows``, by ``last_layer`` that: as weighed.

    A row is a quantity's mismatch at a point times sqrt(w f / n), with the term's weight w, the
    point's factor f and the n points of the term, so that the loss is the sum of squares. The rows
    of a penalty come last, where any of the named members has one. On a CPU each member goes alone,
    as alone its bits.
    """

    def __init__(
        self,
        disc: Discretization,
        loss_weights: LossWeights,
        batch: Batch,
        parameters: Float[Tensor, "m p"],
        penalty: Penalty | None = None,
    ) -> None:
        self._disc, self._loss_weights, self._batch = disc, loss_weights, batch
        self._parameters, self._penalty = parameters, penalty

    def __call__(
        self, members: Sequence[int]
    ) -> tuple[Float[Tensor, "k rows"], Float[Tensor, "k rows size"]]:
        """Rows and their derivatives by the parameters (without padding) of the named members."""
        together = [list(members)] if self._parameters.is_cuda else [[member] for member in members]
        penalty = self._penalty_of(members)
        found = [self._of(group, penalty) for group in together]
        if len(found) == 1:
            return found[0]
        rows, tables = zip(*found, strict=True)
        return torch.cat(rows), torch.cat(tables)

    def _penalty_of(self, members: Sequence[int]) -> Penalty | None:
        """The penalty if it concerns any of these members."""
        return self._penalty if self._penalty and self._penalty.concerns(members) else None

    def _of(self, members: list[int], penalty: Penalty | None) -> tuple[Tensor, Tensor]:
        factors = self._loss_weights.factors_again(members)
        weights = self._loss_weights.table[:, members]
        parts = [
            self._term(term, members, weight, factors)
            for term, weight in zip(self._loss_weights.terms, weights, strict=True)
        ]
        if penalty:
            own, size = self._parameters[members], parts[0][1].shape[2]
            parts.append((penalty.rows(own, members), penalty.jacobian(own, members, size)))
        rows, tables = zip(*parts, strict=True)
        return torch.cat(rows, dim=1), torch.cat(tables, dim=1)

    def at(
        self, parameters: Float[Tensor, "k p"], members: Sequence[int]
    ) -> Float[Tensor, "k rows"]:
        """Rows of the named members at other parameters, on the same points."""
        alone = [(own[None], [member]) for own, member in zip(parameters, members, strict=True)]
        together = [(parameters, list(members))] if parameters.is_cuda else alone
        penalty = self._penalty_of(members)
        return torch.cat([self._at(own, group, penalty) for own, group in together])

    def _at(self, parameters: Tensor, members: list[int], penalty: Penalty | None) -> Tensor:
        factors = self._loss_weights.factors_again(members)
        weights = self._loss_weights.table[:, members]
        found = []
        for term, weight in zip(self._loss_weights.terms, weights, strict=True):
            point_set = self._batch[term.points].of(members)
            channels = term.linearize(self._disc, parameters, point_set.coordinates).channels
            quantities = term.of_channels(channels, point_set)
            mismatch, scale = _weighed(term, point_set, quantities, weight, factors)
            found.append((scale * mismatch).flatten(1))
        if penalty:
            found.append(penalty.rows(parameters, members))
        return torch.cat(found, dim=1)

    def last_layer(
        self, parameters: Float[Tensor, "k p"], members: Sequence[int]
    ) -> tuple[Float[Tensor, "k rows"], Float[Tensor, "k rows q"]]:
        """Rows at other parameters with zeros for their last layer, and derivatives by it."""
        alone = [(own[None], [member]) for own, member in zip(parameters, members, strict=True)]
        together = [(parameters, list(members))] if parameters.is_cuda else alone
        rows, tables = zip(*(self._last_layer(*group) for group in together), strict=True)
        return torch.cat(rows), torch.cat(tables)

    def _last_layer(self, parameters: Tensor, members: list[int]) -> tuple[Tensor, Tensor]:
        factors = self._loss_weights.factors_again(members)
        weights = self._loss_weights.table[:, members]
        found = []
        for term, weight in zip(self._loss_weights.terms, weights, strict=True):
            point_set = self._batch[term.points].of(members)
            quantities, table = by_last_layer(self._disc, parameters, term, point_set)
            mismatch, scale = _weighed(term, point_set, quantities, weight, factors)
            found.append(((scale * mismatch).flatten(1), (table * scale[..., None]).flatten(1, 2)))
        rows, tables = zip(*found, strict=True)
        return torch.cat(rows, dim=1), torch.cat(tables, dim=1)

    def _term(
        self, term: Term, members: list[int], weight: Float[Tensor, " k"], factors: Factors
    ) -> tuple[Tensor, Tensor]:
        point_set = self._batch[term.points].of(members)
        parameters = self._parameters[members]
        quantities, table = with_jacobian(self._disc, parameters, term, point_set)
        mismatch, scale = _weighed(term, point_set, quantities, weight, factors)
        return (scale * mismatch).flatten(1), (table * scale[..., None]).flatten(1, 2)


def _weighed(
    term: Term,
    point_set: PointSet,
    quantities: Float[Tensor, "k n q"],
    weight: Float[Tensor, " k"],
    factors: Factors,
) -> tuple[Float[Tensor, "k n q"], Float[Tensor, "k n q"]]:
    """What a term squares, and the root of each square's weight."""
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
    return mismatch, scale.sqrt().expand_as(mismatch)
