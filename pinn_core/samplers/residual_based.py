"""Residual-based adaptive distribution: more points where the equation is violated most.

Wu, Zhu, Tan, Kartha, Lu, A comprehensive study of non-adaptive and residual-based adaptive sampling
for physics-informed neural networks, CMAME 403, 2023, algorithm 2 (RAD).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.discretization.sampling import Fresh
from pinn_core.randomness import generator
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

    def batches(
        self, asked: Asked, disc: Discretization, seeds: Sequence[int], state: Tensors
    ) -> Batches:
        """Those inside are kept in the state until new ones are due.

        Raises ``ValueError`` for a batch of more points than there are candidates.
        """
        if int(asked.batch) > self.candidates:
            raise ValueError(
                f"candidates must be >= the batch ({asked.batch}), found {self.candidates}"
            )
        return _Adaptive(self, asked, disc, tuple(seeds), state, Fresh(disc, "uniform", seeds))


@dataclass(frozen=True)
class _Adaptive:
    sampler: ResidualBased
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
            self.state[KEPT] = self._drawn(drawing, parameters)
            self.state[f"{KEPT}/drawing"] = torch.full((len(self.seeds),), drawing)
        on_segments = {
            name: self.fresh.condition(name, self.asked.on_segments, drawing)
            for name in self.disc.conditions
        }
        return {"interior": self._point_set(self.state[KEPT]), **on_segments}

    def _drawn(self, drawing: int, parameters: Tensor) -> Float[Tensor, "m n d"]:
        units = [
            generator(seed, "points/rad/candidates", drawing).random(
                (self.sampler.candidates, len(self.disc.problem.coordinates))
            )
            for seed in self.seeds
        ]
        candidates = self._point_set(self._placed(np.stack(units)))
        residuals = self.disc.residual(parameters, candidates)[1]
        sizes = residuals.double().square().sum(2).sqrt().cpu().numpy()
        rows = [
            _chosen(self.sampler, size, int(self.asked.batch), seed, drawing)
            for size, seed in zip(sizes, self.seeds, strict=True)
        ]
        index = torch.from_numpy(np.stack(rows)).to(candidates.coordinates.device)
        return candidates.at(index).coordinates.clone()

    def _placed(self, units: Float[ndarray, "m n d"]) -> Float[Tensor, "m n d"]:
        places = np.stack([self.disc.problem.domain.at(unit) for unit in units])
        return self.disc.point_set({"coordinates": places}).coordinates

    def _point_set(self, coordinates: Float[Tensor, "m n d"]) -> PointSet:
        return PointSet({"coordinates": coordinates})


def _chosen(
    sampler: ResidualBased, sizes: Float[ndarray, " n"], count: int, seed: int, drawing: int
) -> ndarray:
    """Numbers of the chosen candidates, ascending; uniform where no residual is finite."""
    with np.errstate(all="ignore"):
        powers = sizes**sampler.k
        weights = powers / powers.mean() + sampler.c
    if not (np.isfinite(weights).all() and np.count_nonzero(weights) >= count):
        weights = np.ones_like(sizes)
    rng = generator(seed, "points/rad", drawing)
    return np.sort(rng.choice(len(sizes), count, replace=False, p=weights / weights.sum()))
