"""A pack's networks on a problem's points: values, residuals and the clouds of points they need."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from pinn_core.problems import Points
from pinn_core.propagation import propagate
from pinn_core.randomness import generator

if TYPE_CHECKING:
    from pinn_core.configuration import Configuration

DTYPES = {"float32": torch.float32, "float64": torch.float64}
FIXED_POINTS_SEED = 0
"""Fixed subsets of points are the same for every run, so that runs differ in what they study."""


@dataclass(frozen=True)
class Cloud:
    """Points of every member (or, with a leading 1, shared ones) and what is known there."""

    coordinates: Float[Tensor, "#m n d"]
    reference: Float[Tensor, "#m n k"]
    exact: Float[Tensor, "#m n k"]
    target: Float[Tensor, "#m n k"] | None = None

    def __len__(self) -> int:
        return self.coordinates.shape[1]

    def take(self, rows: Int[ndarray, "m n"]) -> "Cloud":
        """The cloud in which member i has the points ``rows[i]`` of this shared one."""
        index = torch.from_numpy(rows).to(self.coordinates.device)

        def pick(table: Tensor) -> Tensor:
            return table[0][index]

        target = None if self.target is None else pick(self.target)
        return Cloud(pick(self.coordinates), pick(self.reference), pick(self.exact), target)

    def thinned(self, count: int, purpose: str) -> "Cloud":
        """A fixed subset of ``count`` points, drawn once without replacement, in grid order."""
        if count >= len(self):
            return self
        rng = generator(FIXED_POINTS_SEED, f"points/{purpose}/{len(self)}")
        return self.take(np.sort(rng.choice(len(self), count, replace=False))[None])

    def joined(self, other: "Cloud") -> "Cloud":
        """These points and then the other's, without targets."""
        return Cloud(
            torch.cat([self.coordinates, other.coordinates], dim=1),
            torch.cat([self.reference, other.reference], dim=1),
            torch.cat([self.exact, other.exact], dim=1),
        )


class Field:
    """The networks of a pack as functions of their flat parameters (m, P).

    ``grid`` is the whole grid, ``interior`` points first, then ``supervised``; ``collocation`` are
    the interior points that the problem trains on.
    """

    def __init__(
        self, configuration: "Configuration", device: str = "cpu", threads: int = 1
    ) -> None:
        self.problem = configuration.problem
        self.precision = configuration.precision
        self.device = device
        self.threads = threads
        self.stack = configuration.network.stack(
            len(self.problem.coordinates), self.problem.outputs
        )
        grid = self.problem.grid()
        self.interior = self._cloud(grid.interior)
        self.supervised = self._cloud(grid.supervised)
        self.grid = self.interior.joined(self.supervised)
        wanted = self.problem.interior_points
        self.collocation = (
            self.interior
            if isinstance(wanted, str)
            else self.interior.thinned(wanted, "collocation")
        )

    def _cloud(self, points: Points) -> Cloud:
        def tensor(table: ndarray) -> Tensor:
            return torch.from_numpy(table).to(self.device, DTYPES[self.precision])[None]

        target = None if points.target is None else tensor(points.target)
        return Cloud(
            tensor(points.coordinates), tensor(points.reference), tensor(points.exact), target
        )

    def values(self, parameters: Float[Tensor, "m p"], cloud: Cloud) -> Float[Tensor, "m n k"]:
        """The networks' values at the cloud's points."""
        return propagate(self.stack, parameters, cloud.coordinates, (), self.threads)[:, 0]

    def residual(
        self, parameters: Float[Tensor, "m p"], cloud: Cloud
    ) -> tuple[Float[Tensor, "m n k"], Float[Tensor, "m n r"]]:
        """The networks' values and the problem's residuals at the cloud's points."""
        operators = self.problem.operators
        channels = propagate(self.stack, parameters, cloud.coordinates, operators, self.threads)
        return channels[:, 0], self.problem.residual(channels, cloud.coordinates)
