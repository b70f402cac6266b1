r"""Poisson's equation in many dimensions: sum u_kk = f on the unit cube, 0 on its faces.

The source is that of u = prod sqrt(2) sin(pi x_k), whose mean square over the cube is 1 in any
dimension. An equally spaced grid of n^d points is out of reach: the points are scattered.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from operator import add, mul
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import all_or_up_to, at_least, within
from pinn_core.engine.operators import Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.geometry import Box
from pinn_core.problems.conditions import Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.problems.scattered import scattered
from pinn_core.tensors import Tensor, torch

LETTERS = "xyzvwpqrsk"
"""Names of the coordinates, as many as there may be."""


@PROBLEMS.register("poisson_cube")
@dataclass(frozen=True, kw_only=True)
class PoissonCube(Problem):
    """Poisson equation on the unit cube of ``dimensions`` coordinates (x, y, z, v, w, ...).

    ``points_inside`` collocation points and ``points_outside`` supervised ones on the faces, of low
    discrepancy, the same in every run.

    When to use: To see what the number of dimensions costs: the solution keeps its size while they
    grow.

        >>> PoissonCube(dimensions=3).grid().interior.coordinates.shape
        (2048, 3)
    """

    reference: ClassVar[Reference] = "closed form"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    dimensions: int = 5
    """Number of coordinates."""
    points_inside: int = 2048
    """Collocation points."""
    points_outside: int = 1024
    """Supervised points on the faces."""
    interior_points: int | Literal["all"] = "all"
    """How many of the collocation points are trained on, drawn once, the same in every run."""

    def __post_init__(self) -> None:
        within(1, len(LETTERS), dimensions=self.dimensions)
        at_least(4, points_inside=self.points_inside, points_outside=self.points_outside)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def coordinates(self) -> tuple[str, ...]:  # type: ignore[override]
        """One letter for each dimension."""
        return tuple(LETTERS[: self.dimensions])

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points."""
        return self.points_inside, self.points_outside

    @property
    def domain(self) -> Box:
        """The unit cube."""
        return Box((0.0,) * self.dimensions, (1.0,) * self.dimensions)

    @cached_property
    def conditions(self) -> Conditions:
        """One: zero on all faces, under one mean."""
        axes = range(self.dimensions)
        faces = [self.domain.face(axis, value) for axis in axes for value in (0.0, 1.0)]
        return {"boundary": Condition((Segment(tuple(faces)),))}

    @cached_property
    def hard(self) -> Hard:
        """Zero on all faces: u = N prod x_k (1 - x_k)."""
        return Hard(("boundary",), _inside)

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The Laplacian."""
        bends = (Operator(second={(axis, axis): 1.0}) for axis in range(self.dimensions))
        return (reduce(add, bends),)

    def residual(
        self, channels: Float[Tensor, "m c n 1"], points: Float[Tensor, "#m n d"]
    ) -> Float[Tensor, "m n 1"]:
        """The Laplacian minus its value for the solution, -d pi^2 u."""
        waves = 2**0.5 * torch.sin(torch.pi * points)
        return channels[:, 1] + self.dimensions * torch.pi**2 * waves.prod(-1, keepdim=True)

    def exact(self, points: Float[ndarray, "n d"]) -> Float[ndarray, "n 1"]:
        """The product of sines."""
        waves: ndarray = np.sqrt(2) * np.sin(np.pi * points)
        return np.asarray(waves.prod(axis=1, keepdims=True))

    def grid(self) -> Grid:
        """Scattered points."""
        return _grid(self)


def _inside(*coordinates: Taylor) -> Taylor:
    return reduce(mul, [x * (1.0 - x) for x in coordinates])


@lru_cache(maxsize=4)
def _grid(problem: PoissonCube) -> Grid:
    return scattered(problem.domain, problem.conditions, *problem.grid_size, solution=problem.exact)
