"""Points drawn among many candidates, more of them where the residual is large.

Wu, Zhu, Tan, Kartha, Lu, A comprehensive study of non-adaptive and residual-based adaptive sampling
for physics-informed neural networks, CMAME 403, 2023, equation 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch


@dataclass(frozen=True)
class Density:
    """p(x) ~ r(x)^k / mean(r^k) + c on ``candidates`` uniform points, r the residual's length.

    ``purpose`` is what random numbers are keyed by, beside the seed and the drawing.
    """

    k: float
    c: float
    candidates: int
    purpose: str

    def drawn(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        count: int,
        seeds: Sequence[int],
        drawing: int,
    ) -> Float[Tensor, "m n d"]:
        """``count`` points for each member, drawn without replacement; waits for the device."""
        shape = (self.candidates, len(disc.problem.coordinates))
        units = [
            generator(seed, f"{self.purpose}/candidates", drawing).random(shape) for seed in seeds
        ]
        places = np.stack([disc.problem.domain.at(unit) for unit in units])
        candidates: PointSet = disc.point_set({"coordinates": places})
        residuals = disc.residual(parameters, candidates)[1]
        sizes = residuals.double().square().sum(2).sqrt().cpu().numpy()
        rows = [
            self._chosen(size, count, seed, drawing)
            for size, seed in zip(sizes, seeds, strict=True)
        ]
        index = torch.from_numpy(np.stack(rows)).to(candidates.coordinates.device)
        return candidates.at(index).coordinates.clone()

    def _chosen(self, sizes: Float[ndarray, " n"], count: int, seed: int, drawing: int) -> ndarray:
        """Numbers of the chosen candidates, ascending; uniform where no residual is finite."""
        with np.errstate(all="ignore"):
            powers = sizes**self.k
            weights = powers / powers.mean() + self.c
        if not (np.isfinite(weights).all() and np.count_nonzero(weights) >= count):
            weights = np.ones_like(sizes)
        rng = generator(seed, self.purpose, drawing)
        return np.sort(rng.choice(len(sizes), count, replace=False, p=weights / weights.sum()))
