"""New points of the domain and of the conditions' segments, whatever the networks are."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization
from pinn_core.discretization.sampling import Fresh
from pinn_core.samplers.sampler import SAMPLERS, Asked, Batch, Batches, Sampler, Tensors
from pinn_core.tensors import Tensor


@SAMPLERS.register("uniform")
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


@SAMPLERS.register("latin")
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


@SAMPLERS.register("sobol")
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
        on_segments = {
            name: self.fresh.condition(name, self.asked.on_segments, drawing)
            for name in self.disc.conditions
        }
        return {"interior": self.fresh.interior(int(self.asked.batch), drawing), **on_segments}
