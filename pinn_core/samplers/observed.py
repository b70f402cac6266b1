"""Observations beside a sampler's points: all of them in every step, or some drawn anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.discretization.sampling import draw_ahead
from pinn_core.samplers.sampler import Ahead, Batch, Batches, Foreseeing, Heeding, foresees
from pinn_core.tensors import Tensor


def with_observations(batches: Batches, disc: Discretization, seeds: Sequence[int]) -> Batches:
    """The batches, and in each of them the discretization's observations."""
    if not disc.observations:
        return batches
    if isinstance(batches, Heeding):
        return _HeedingObserved(batches, disc, seeds)
    kind = _ForeseeingObserved if foresees(batches) else _Observed
    return kind(batches, disc, seeds)


@dataclass(frozen=True)
class _Observed:
    batches: Batches
    disc: Discretization
    seeds: Sequence[int]

    @property
    def fixed(self) -> bool:
        whole = all(each.batch == "full" for each in self.disc.observations)
        return whole and self.batches.fixed

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:
        observed = {name: _first(ahead) for name, ahead in self._observed(step).items()}
        return {**self.batches.at(step, parameters), **observed}

    def _observed(self, step: int) -> dict[str, Ahead]:
        found = {}
        for each in self.disc.observations:
            points, count = self.disc.observed_points[each.name], each.batch
            purpose = f"batch/data/{each.name}"
            found[each.name] = (
                Ahead(points)
                if count == "full"
                else Ahead(points, draw_ahead(points, count, self.seeds, purpose, step))
            )
        return found


class _ForeseeingObserved(_Observed):
    """The same where the sampler's points are known ahead."""

    def ahead(self, step: int) -> Mapping[str, Ahead]:
        assert isinstance(self.batches, Foreseeing)
        return {**self.batches.ahead(step), **self._observed(step)}


class _HeedingObserved(_Observed):
    """The same where the sampler wants a step's residuals."""

    def heed(self, squares: Float[Tensor, "m n"]) -> None:
        assert isinstance(self.batches, Heeding)
        self.batches.heed(squares)


def _first(ahead: Ahead) -> PointSet:
    """The points of the first step."""
    if ahead.rows is None:
        return ahead.point_set
    return ahead.point_set.at(ahead.rows[0].to(ahead.point_set.coordinates.device))
