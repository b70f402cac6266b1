"""A pack's networks on a problem's points: values, residuals and the clouds of points they need."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from pinn_core.backends import settled
from pinn_core.networks import Network
from pinn_core.operators import Operator
from pinn_core.precision import DTYPES
from pinn_core.problems import Points, Problem
from pinn_core.propagation import Propagation, forward
from pinn_core.randomness import generator

FIXED_POINTS_SEED = 0
"""Fixed subsets of points are the same for every run, so that runs differ in what they study."""


@dataclass(frozen=True)
class Known:
    """Tensors (N, d) and (N, k): points, and what is known there (see ``Points``)."""

    coordinates: Tensor
    reference: Tensor
    exact: Tensor
    target: Tensor


@dataclass(frozen=True)
class Cloud:
    """Points of every member, or shared ones: all known points, or the given rows of them.

    Its tensors are (m, n, d) or (m, n, k), with m = 1 for shared points; each is gathered when it
    is first asked for.
    """

    known: Known
    rows: Int[Tensor, "m n"] | None = None

    def __len__(self) -> int:
        return len(self.known.coordinates) if self.rows is None else self.rows.shape[1]

    @cached_property
    def coordinates(self) -> Float[Tensor, "m n d"]:
        """Where the points lie."""
        return self._gathered(self.known.coordinates)

    @cached_property
    def reference(self) -> Float[Tensor, "m n k"]:
        """The numerical solution there."""
        return self._gathered(self.known.reference)

    @cached_property
    def exact(self) -> Float[Tensor, "m n k"]:
        """The solution that errors are measured against."""
        return self._gathered(self.known.exact)

    @cached_property
    def target(self) -> Float[Tensor, "m n k"]:
        """What a condition demands there, NaN at interior points."""
        return self._gathered(self.known.target)

    def _gathered(self, table: Tensor) -> Tensor:
        if self.rows is None:
            return table[None]
        return table.index_select(0, self.rows.flatten()).view(*self.rows.shape, table.shape[1])

    def at(self, rows: Int[Tensor, "m n"]) -> "Cloud":
        """The cloud in which member i has the points ``rows[i]`` of all that are known."""
        return Cloud(self.known, rows)

    def anew(self) -> "Cloud":
        """The same cloud with nothing gathered yet, for when its rows have changed in place."""
        return self if self.rows is None else Cloud(self.known, self.rows)

    def thinned(self, count: int, purpose: str) -> "Cloud":
        """A fixed subset of ``count`` points, drawn once without replacement, in grid order."""
        if count >= len(self):
            return self
        rng = generator(FIXED_POINTS_SEED, f"points/{purpose}/{len(self)}")
        rows = torch.from_numpy(np.sort(rng.choice(len(self), count, replace=False)))
        chosen = rows.to(self.known.coordinates.device)
        return Cloud(Known(*(table[chosen] for table in vars(self.known).values())))

    def joined(self, other: "Cloud") -> "Cloud":
        """All of these points and then all of the other's."""
        pairs = zip(vars(self.known).values(), vars(other.known).values(), strict=True)
        return Cloud(Known(*(torch.cat(pair) for pair in pairs)))


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
        self.operators = problem.operators
        self.stack = network.stack(len(problem.coordinates), problem.outputs)
        grid = problem.grid()
        self.interior = self._cloud(grid.interior)
        self.backend = settled(backend, self.stack, self.interior.coordinates)
        self.supervised = self._cloud(grid.supervised)
        self.grid = self.interior.joined(self.supervised)
        wanted = problem.interior_points
        self.collocation = (
            self.interior
            if isinstance(wanted, str)
            else self.interior.thinned(wanted, "collocation")
        )

    def _cloud(self, points: Points) -> Cloud:
        tables = (points.coordinates, points.reference, points.exact, points.target)
        own = (torch.from_numpy(table).to(self.device, self.dtype) for table in tables)
        return Cloud(Known(*own))

    def carry(
        self,
        parameters: Float[Tensor, "m p"],
        cloud: Cloud,
        operators: Sequence[Operator] = (),
        keep: bool = True,
    ) -> Propagation:
        """Value and operators at the cloud's points and, if ``keep``, the way back."""
        return forward(
            self.stack,
            parameters,
            cloud.coordinates,
            operators,
            self.threads,
            self.backend,
            keep,
        )

    def values(self, parameters: Float[Tensor, "m p"], cloud: Cloud) -> Float[Tensor, "m n k"]:
        """The networks' values at the cloud's points."""
        return self.carry(parameters, cloud, keep=False).channels[:, 0]

    def residual(
        self, parameters: Float[Tensor, "m p"], cloud: Cloud
    ) -> tuple[Float[Tensor, "m n k"], Float[Tensor, "m n r"]]:
        """The networks' values and the problem's residuals at the cloud's points."""
        channels = self.carry(parameters, cloud, self.operators, keep=False).channels
        return channels[:, 0], self.problem.residual(channels, cloud.coordinates)
