"""A pack's networks on a problem's points: values, residuals and the clouds of points they need."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from pinn_core.networks import Network
from pinn_core.operators import Operator
from pinn_core.problems import Points, Problem
from pinn_core.propagation import propagate
from pinn_core.randomness import generator

DTYPES = {"float32": torch.float32, "float64": torch.float64}
FIXED_POINTS_SEED = 0
"""Fixed subsets of points are the same for every run, so that runs differ in what they study."""


@dataclass(frozen=True)
class Cloud:
    """Points of every member (or, with a leading 1, shared ones) and what is known there."""

    coordinates: Float[Tensor, "#m n d"]
    reference: Float[Tensor, "#m n k"]
    exact: Float[Tensor, "#m n k"]
    target: Float[Tensor, "#m n k"]

    @property
    def tables(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All four, in the order of the fields."""
        return self.coordinates, self.reference, self.exact, self.target

    def __len__(self) -> int:
        return self.coordinates.shape[1]

    def take(self, rows: Int[ndarray, "m n"]) -> "Cloud":
        """The cloud in which member i has the points ``rows[i]`` of this shared one."""
        index = torch.from_numpy(rows).to(self.coordinates.device)

        return Cloud(*(table[0][index] for table in self.tables))

    def thinned(self, count: int, purpose: str) -> "Cloud":
        """A fixed subset of ``count`` points, drawn once without replacement, in grid order."""
        if count >= len(self):
            return self
        rng = generator(FIXED_POINTS_SEED, f"points/{purpose}/{len(self)}")
        return self.take(np.sort(rng.choice(len(self), count, replace=False))[None])

    def joined(self, other: "Cloud") -> "Cloud":
        """These points and then the other's."""
        pairs = zip(self.tables, other.tables, strict=True)
        return Cloud(*(torch.cat(pair, dim=1) for pair in pairs))


class Field:
    """The networks of a pack as functions of their flat parameters (m, P).

    ``grid`` is the whole grid, ``interior`` points first, then ``supervised``; ``collocation`` are
    the interior points that the problem trains on.
    """

    def __init__(
        self,
        problem: Problem,
        network: Network,
        precision: str = "float32",
        device: str = "cpu",
        threads: int = 1,
        backend: str = "auto",
    ) -> None:
        self.problem = problem
        self.dtype = DTYPES[precision]
        self.device = device
        self.threads = threads
        self.backend = backend
        self.stack = network.stack(len(problem.coordinates), problem.outputs)
        grid = problem.grid()
        self.interior = self._cloud(grid.interior)
        self.supervised = self._cloud(grid.supervised)
        self.grid = self.interior.joined(self.supervised)
        wanted = problem.interior_points
        self.collocation = (
            self.interior
            if isinstance(wanted, str)
            else self.interior.thinned(wanted, "collocation")
        )

    def _cloud(self, points: Points) -> Cloud:
        def tensor(table: ndarray) -> Tensor:
            return torch.from_numpy(table).to(self.device, self.dtype)[None]

        tables = (points.coordinates, points.reference, points.exact, points.target)
        return Cloud(*(tensor(table) for table in tables))

    def values(self, parameters: Float[Tensor, "m p"], cloud: Cloud) -> Float[Tensor, "m n k"]:
        """The networks' values at the cloud's points."""
        return self._propagate(parameters, cloud, ())[:, 0]

    def residual(
        self, parameters: Float[Tensor, "m p"], cloud: Cloud
    ) -> tuple[Float[Tensor, "m n k"], Float[Tensor, "m n r"]]:
        """The networks' values and the problem's residuals at the cloud's points."""
        channels = self._propagate(parameters, cloud, self.problem.operators)
        return channels[:, 0], self.problem.residual(channels, cloud.coordinates)

    def _propagate(
        self, parameters: Tensor, cloud: Cloud, operators: Sequence[Operator]
    ) -> Float[Tensor, "m c n k"]:
        points = cloud.coordinates
        return propagate(self.stack, parameters, points, operators, self.threads, self.backend)
