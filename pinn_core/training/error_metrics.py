"""Losses and errors that the networks' values give, on a set of points."""

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.vectors.squares import weighted_squares


class ErrorMetrics:
    """Sums from values at interior and then supervised points, flat (numbers m).

    For each of ``conditions`` (those on values alone) its loss; with ``observed`` the squared
    relative L2 distance from the observations, at which the last values are; then the mean square
    from the reference and the squared relative L2 error. The interior counts by its share of the
    grid, whatever its share of the points. What is not known (NaN) is not judged, and a solution of
    which nothing is known gives NaN. With a ``past`` (2, 2, m), the ``totals`` of an earlier stage,
    the last two are those of both stages together.
    """

    def __init__(
        self,
        disc: Discretization,
        interior: PointSet,
        supervised: PointSet,
        *,
        observed: bool = False,
    ) -> None:
        share = len(disc.interior) / len(disc.grid)
        self.conditions = [
            name for name, condition in disc.problem.conditions.items() if condition.plain
        ]
        exact = _both(interior["exact"], supervised["exact"])
        reference = _both(interior["reference"], supervised["reference"])
        inside, outside = torch.zeros_like(interior["exact"]), torch.ones_like(supervised["exact"])
        grid = _both(inside + share / len(interior), outside * (1 - share) / len(supervised))
        known, learnt = (grid * (~table.isnan()).to(grid.dtype) for table in (exact, reference))
        learnt = learnt / (learnt.sum() > 0)  # nothing known: NaN, which no loss is
        exact, reference = exact.nan_to_num(), reference.nan_to_num()
        size = (known * exact.square()).sum()
        targets = [_both(inside, supervised[f"target/{name}"]) for name in self.conditions]
        weights = [
            _both(inside, supervised[f"share/{name}"] / len(supervised)) for name in self.conditions
        ]
        self._backend = disc.backend
        self._point_sets = (interior, supervised)
        self._targets = torch.cat([*targets, reference, exact])
        self._weights = torch.cat([*weights, learnt, known / size])
        if observed:
            self._targets, self._weights = _with_observed(disc, self._targets, self._weights)
        components = exact.shape[1] // (len(interior) + len(supervised))
        judged = learnt.view(-1, components).amax(1).sum()
        self._scale = len(disc.grid) * torch.stack([torch.ones_like(size), size]).double()[:, None]
        self._mass = len(disc.grid) * torch.stack([judged, size]).double()[:, None]

    @property
    def tables(self) -> tuple[Float[Tensor, "t q"], Float[Tensor, "t q"]]:
        """Targets and weights of the squared distances of q values, in the numbers' order."""
        return self._targets, self._weights

    def __call__(
        self,
        values: Float[Tensor, "m n k"],
        errors: Float[Tensor, "m n q"] | None = None,
        past: Float[Tensor, "2 2 m"] | None = None,
    ) -> Float[Tensor, " _"]:
        """Measure every member's values; the error by ``errors`` where it is not theirs."""
        squares = self._squares(values, errors)
        if past is not None:
            sums, sizes = self._summed(squares, past)
            squares[-2:] = sums / sizes
        return squares.view(-1)

    def _squares(self, values: Tensor, errors: Tensor | None) -> Float[Tensor, "t m"]:
        targets, weights = self._targets, self._weights
        if errors is None:
            return weighted_squares(values, targets, weights, self._backend)
        of_values = weighted_squares(values, targets[:-1], weights[:-1], self._backend)
        of_errors = weighted_squares(errors, targets[-1:], weights[-1:], self._backend)
        return torch.cat([of_values, of_errors])

    def totals(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        past: Float[Tensor, "2 2 m"] | None,
    ) -> Float[Tensor, "2 2 m"]:
        """Sums over the grid of both squared distances, for every member, and what to divide by."""
        values = torch.cat(
            [disc.values(parameters, point_set) for point_set in self._point_sets], dim=1
        )
        return self._summed(self._squares(values, None), past)

    def _summed(
        self, squares: Float[Tensor, "t m"], past: Float[Tensor, "2 2 m"] | None
    ) -> Float[Tensor, "2 2 m"]:
        sums = self._scale * squares[-2:]
        totals = torch.stack([sums, self._mass.expand_as(sums)])
        return totals if past is None else past + totals


def _with_observed(
    disc: Discretization, targets: Float[Tensor, "t q"], weights: Float[Tensor, "t q"]
) -> tuple[Tensor, Tensor]:
    """Both tables for values at the observations, too, and a row of the distance from these."""
    values, seen = [], []
    for each in disc.observations:
        observed = disc.observed_points[each.name]["observed"]
        value = observed.new_zeros(1, observed.shape[1], disc.problem.outputs)
        outputs = each.outputs(disc.problem)
        value[..., outputs] = observed
        values.append(value.flatten(1))
        value = torch.zeros_like(value)
        value[..., outputs] = 1.0
        seen.append(value.flatten(1))
    value, weight = torch.cat(values, 1), torch.cat(seen, 1)
    weight /= value.square().sum()
    nowhere = torch.zeros_like(targets[:1])

    def joined(table: Tensor, row: Tensor) -> Tensor:
        wider = torch.nn.functional.pad(table, (0, row.shape[1]))
        return torch.cat([wider[:-2], torch.cat([nowhere, row], 1), wider[-2:]])

    return joined(targets, value), joined(weights, weight)


def _both(inner: Tensor, outer: Tensor) -> Tensor:
    return torch.cat([inner, outer], dim=1).flatten(1)
