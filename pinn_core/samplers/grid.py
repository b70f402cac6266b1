"""The problem's own grid: all of its points, or some of them drawn anew in every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.discretization.sampling import draw, draw_ahead
from pinn_core.samplers.sampler import (
    SAMPLERS,
    Ahead,
    Asked,
    Batch,
    Batches,
    Sampler,
    Tensors,
)
from pinn_core.tensors import Tensor


@SAMPLERS.register("grid")
@dataclass(frozen=True, kw_only=True)
class GridPoints(Sampler):
    """The grid's points: all that are trained on, or a batch of them in their proportion.

    When to use: The default: with a full batch the loss is one function of the parameters, as line
    searches and plateau lengths need it.
    """

    on_grid: ClassVar[bool] = True

    def batches(
        self,
        asked: Asked,
        disc: Discretization,
        seeds: Sequence[int],
        state: Tensors,  # noqa: ARG002
    ) -> Batches:
        """Uniformly drawn in every step, unless the batch is full."""
        return _OfGrid(asked, disc, seeds)


@dataclass(frozen=True)
class _OfGrid:
    asked: Asked
    disc: Discretization
    seeds: Sequence[int]

    @property
    def fixed(self) -> bool:
        return self.asked.batch == "full"

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:  # noqa: ARG002
        if self.asked.batch == "full":
            return self._point_sets
        counts = self._counts(self.asked.batch)
        return {
            name: draw(point_set, counts[name], self.seeds, f"batch/{_drawn_as(name)}", step)
            for name, point_set in self._point_sets.items()
        }

    def ahead(self, step: int) -> Mapping[str, Ahead]:
        if self.asked.batch == "full":
            return {name: Ahead(point_set) for name, point_set in self._point_sets.items()}
        counts = self._counts(self.asked.batch)
        return {
            name: Ahead(point_set, draw_ahead(point_set, counts[name], self.seeds, purpose, step))
            for name, point_set in self._point_sets.items()
            for purpose in [f"batch/{_drawn_as(name)}"]
        }

    @property
    def _point_sets(self) -> dict[str, PointSet]:
        return {"interior": self.disc.collocation, **self.disc.condition_points}

    def _counts(self, batch: int) -> dict[str, int]:
        """The batch in the grid's proportion, no part of it empty."""
        sizes = {name: len(point_set) for name, point_set in self.disc.condition_points.items()}
        outside = sum(sizes.values())
        interior = round(batch * len(self.disc.interior) / (len(self.disc.interior) + outside))
        interior = min(max(interior, 1), batch - 1)
        left, counts = batch - interior, {"interior": interior}
        for name, size in sizes.items():
            counts[name] = max(1, round(left * size / outside))
            left, outside = left - counts[name], outside - size
        return counts


def _drawn_as(name: str) -> str:
    """What the points are drawn for; a boundary's are named as when there was nothing else."""
    return "supervised" if name == "boundary" else name
