r"""Laplace's equation u_xx + u_yy = 0 between two circles, u = ln(r / a) / ln(b / a).

The heat that a pipe's wall conducts, or the potential in a coaxial cable (Carslaw, Jaeger:
Conduction of heat in solids, 1959, section 7.2). On the inner circle, of radius a, u is 0; on the
outer one, of radius b, what is demanded can be its value 1, its slope along the normal (Neumann) or
the sum of both (Robin).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import MOST_COEFFICIENT, above, all_or_up_to, at_least, at_most, below
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.taylor import Taylor
from pinn_core.geometry import Disc, Shape
from pinn_core.problems.clipped import clipped, clipped_size
from pinn_core.problems.conditions import Condition, Conditions, Segment, neumann, robin
from pinn_core.problems.hard import Hard
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor

_D = Derivatives("x", "y")


@PROBLEMS.register("poisson_annulus")
@dataclass(frozen=True, kw_only=True)
class PoissonAnnulus(Problem):
    """Laplace equation between circles of the radii ``a`` and ``b``; ``outer``: the condition at b.

    ``alpha`` is what the value counts in a Robin condition. ``points_per_axis`` are those of the
    grid of the square around both circles.

    When to use: To compare Dirichlet, Neumann and Robin conditions on one domain with one solution.

        >>> grid = PoissonAnnulus().grid()
        >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
        (928, 189)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y")
    reference: ClassVar[Reference] = "closed form"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    points_per_axis: int = 41
    """Points along each axis of the grid around the domain; those inside are kept."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    a: float = 0.5
    """The inner radius."""
    b: float = 1.0
    """The outer radius."""
    outer: Literal["dirichlet", "neumann", "robin"] = "dirichlet"
    """The condition on the outer circle."""
    alpha: float = 1.0
    """What the value counts in the Robin condition."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        above(0, a=self.a, b=self.b)
        at_most(MOST_COEFFICIENT, b=self.b, alpha=self.alpha)
        at_least(0, alpha=self.alpha)
        if self.a < 1e-3 * self.b:
            raise ValueError(f"a must be >= 1e-3 b = {1e-3 * self.b:g}, found {self.a:g}")
        below(0.9 * self.b, a=self.a)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        return clipped_size(self.domain, self.conditions, (self.points_per_axis,) * 2)

    @property
    def domain(self) -> Shape:
        """The ring, with the parts ``inner`` and ``outer`` of its boundary."""
        return _ring(self.a, self.b)

    @cached_property
    def conditions(self) -> Conditions:
        """One for each circle."""
        inner = Condition((Segment((self.domain.part("inner"),)),))
        outer = self.domain.part("outer")
        match self.outer:
            case "dirichlet":
                return {"inner": inner, "outer": Condition((Segment((outer,), self.exact),))}
            case "neumann":
                return {"inner": inner, "outer": neumann(outer, self._flux)}
            case "robin":
                return {"inner": inner, "outer": robin(outer, self.alpha, self._mixed)}

    @cached_property
    def hard(self) -> Hard | None:
        """Both values: u = (r^2 - a^2) (1 / (b^2 - a^2) + (b^2 - r^2) N); none of slopes."""
        if self.outer != "dirichlet":
            return None
        return Hard(("inner", "outer"), self._between, self._lift)

    def _between(self, x: Taylor, y: Taylor) -> Taylor:
        square = x * x + y * y
        return (square - self.a**2) * (self.b**2 - square)

    def _lift(self, x: Taylor, y: Taylor) -> Taylor:
        return (x * x + y * y - self.a**2) * (1 / (self.b**2 - self.a**2))

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The Laplacian."""
        return (_D.xx + _D.yy,)

    def residual(
        self,
        channels: Float[Tensor, "m c n 1"],
        points: Float[Tensor, "#m n 2"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 1"]:
        """u_xx + u_yy."""
        return channels[:, 1]

    def exact(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        """The logarithm of the radius, 0 at a and 1 at b."""
        radius: ndarray = np.hypot(points[:, :1], points[:, 1:])
        return np.log(radius / self.a) / log(self.b / self.a)

    def _flux(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        return np.full((len(points), 1), 1 / (self.b * log(self.b / self.a)))

    def _mixed(self, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n 1"]:
        return self._flux(points) + self.alpha

    def grid(self) -> Grid:
        """Equally spaced points inside, and along both circles at the same distance."""
        return _grid(self)


@lru_cache(maxsize=16)
def _ring(a: float, b: float) -> Shape:
    return Disc((0.0, 0.0), b, "outer") - Disc((0.0, 0.0), a, "inner")


@lru_cache(maxsize=4)
def _grid(problem: PoissonAnnulus) -> Grid:
    counts = (problem.points_per_axis,) * 2
    return clipped(problem.domain, problem.conditions, counts, problem.exact)
