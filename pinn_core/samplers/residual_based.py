"""Residual-based adaptive distribution: more points where the equation is violated most.

Wu, Zhu, Tan, Kartha, Lu, A comprehensive study of non-adaptive and residual-based adaptive sampling
for physics-informed neural networks, CMAME 403, 2023, algorithm 2 (RAD).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.discretization.sampling import Fresh
from pinn_core.samplers.density import Density
from pinn_core.samplers.sampler import SAMPLERS, Asked, Batch, Batches, Sampler, Tensors
from pinn_core.tensors import Tensor, torch

KEPT = "interior"


@SAMPLERS.register("rad")
@dataclass(frozen=True, kw_only=True)
class ResidualBased(Sampler):
    """Points inside drawn from p(x) ~ r(x)^k / mean(r^k) + c, r being the residual's length.

    They are drawn without replacement among ``candidates`` uniform points, every ``resample``
    steps. The paper takes k = c = 1 unless the solution is sharp. Points of conditions are
    uniform. Drawing waits for the device.

    When to use: Where the residual is large in small places, such as fronts and layers, with
    ``resample`` of about a hundred steps or more.
    """

    k: float = 1.0
    """Power of the residual: larger ones gather the points."""
    c: float = 1.0
    """What every point has at least: larger ones spread the points."""
    candidates: int = 10_000
    """Uniform points that the density is evaluated at."""

    def __post_init__(self) -> None:
        at_least(0, k=self.k, c=self.c)
        at_least(2, candidates=self.candidates)

    def check(self, asked: Asked) -> None:
        """Refuse a batch of more points than there are candidates."""
        if int(asked.batch) > self.candidates:
            raise ValueError(
                f"candidates must be >= the batch ({asked.batch}), found {self.candidates}"
            )

    def batches(
        self, asked: Asked, disc: Discretization, seeds: Sequence[int], state: Tensors
    ) -> Batches:
        """Those inside are kept in the state until new ones are due."""
        density = Density(self.k, self.c, self.candidates, "points/rad")
        return _Adaptive(density, asked, disc, tuple(seeds), state, Fresh(disc, "uniform", seeds))


@dataclass(frozen=True)
class _Adaptive:
    density: Density
    asked: Asked
    disc: Discretization
    seeds: tuple[int, ...]
    state: Tensors
    fresh: Fresh

    @property
    def fixed(self) -> bool:
        return self.asked.resample == 0

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:
        drawing = self.asked.drawing(step)
        known = self.state.get(f"{KEPT}/drawing")
        if known is None or int(known[0]) != drawing:
            if parameters is None:
                raise ValueError("sampler rad needs the networks' parameters to draw points")
            count = int(self.asked.batch)
            self.state[KEPT] = self.density.drawn(self.disc, parameters, count, self.seeds, drawing)
            self.state[f"{KEPT}/drawing"] = torch.full((len(self.seeds),), drawing)
        on_segments = {
            name: self.fresh.condition(name, self.asked.on_segments, drawing)
            for name in self.disc.conditions
        }
        return {"interior": PointSet({"coordinates": self.state[KEPT]}), **on_segments}
