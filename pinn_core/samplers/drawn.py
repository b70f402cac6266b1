"""New points of the domain and of the conditions' segments, whatever the networks are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float, Int

from pinn_core.discretization.discretization import Discretization
from pinn_core.discretization.sampling import DrawnTogether, Fresh
from pinn_core.samplers.sampler import SAMPLERS, Ahead, Asked, Batch, Batches, Sampler, Tensors
from pinn_core.tensors import Tensor


@SAMPLERS.register("uniform", numerics=2)
@dataclass(frozen=True, kw_only=True)
class Uniform(Sampler):
    """Independent points, uniform in the domain and on each segment.

    When to use: As the plain reference, and in many dimensions.
    """

    def batches(
        self,
        asked: Asked,
        disc: Discretization,
        seeds: Sequence[int],
        state: Tensors,  # noqa: ARG002
    ) -> Batches:
        """Drawn by seed and step."""
        return _Drawn(asked, disc, Fresh(disc, "uniform", seeds))


@SAMPLERS.register("latin", numerics=2)
@dataclass(frozen=True, kw_only=True)
class Latin(Sampler):
    """A Latin hypercube in the domain and on each segment (McKay, Beckman, Conover 1979).

    When to use: For points that fill every axis evenly; the usual choice of papers with fixed
    random points.
    """

    def batches(
        self,
        asked: Asked,
        disc: Discretization,
        seeds: Sequence[int],
        state: Tensors,  # noqa: ARG002
    ) -> Batches:
        """Drawn by seed and step."""
        return _Drawn(asked, disc, Fresh(disc, "latin", seeds))


@SAMPLERS.register("sobol", numerics=2)
@dataclass(frozen=True, kw_only=True)
class SobolPoints(Sampler):
    """A scrambled Sobol sequence: points of low discrepancy in the domain and on each segment.

    When to use: For points that fill the domain more evenly than a Latin hypercube does, above all
    in few dimensions.
    """

    def batches(
        self,
        asked: Asked,
        disc: Discretization,
        seeds: Sequence[int],
        state: Tensors,  # noqa: ARG002
    ) -> Batches:
        """Drawn by seed and step."""
        return _Drawn(asked, disc, Fresh(disc, "sobol", seeds))


@dataclass(frozen=True)
class _Drawn:
    asked: Asked
    disc: Discretization
    fresh: Fresh

    @property
    def fixed(self) -> bool:
        return self.asked.resample == 0

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:  # noqa: ARG002
        drawing = self.asked.drawing(step)
        return {name: drawn.at(drawing) for name, drawn in self._together(drawing).items()}

    def ahead(self, step: int) -> Mapping[str, Ahead]:
        if self.fixed:
            return self._stays
        together = self._together(self.asked.drawing(step))
        return {
            name: Ahead(drawn.points, self._rows(drawn, step)) for name, drawn in together.items()
        }

    def _rows(self, drawn: DrawnTogether, step: int) -> Int[Tensor, "steps m n"]:
        """The rows of this step and of those after it that need no other drawing."""
        rows = drawn.rows[self.asked.drawing(step) - drawn.first :]
        if self.asked.resample == 1:
            return rows
        left = self.asked.resample - step % self.asked.resample
        return rows[:1].repeat(min(left, drawn.steps), 1, 1)

    def _together(self, drawing: int) -> dict[str, DrawnTogether]:
        """The points of this drawing and of those that were made with it."""
        on_segments = {
            name: self.fresh.condition_ahead(name, self.asked.on_segments, drawing)
            for name in self.disc.conditions
        }
        inside = self.fresh.interior_ahead(int(self.asked.batch), drawing)
        return {"interior": inside, **on_segments}

    @cached_property
    def _stays(self) -> dict[str, Ahead]:
        return {name: Ahead(points) for name, points in self.at(0).items()}
