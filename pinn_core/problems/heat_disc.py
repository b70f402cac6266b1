r"""The heat equation u_t = alpha (u_xx + u_yy) on the unit disc, t in [0, 1], 0 on the circle.

Two of its modes decay, each at its own rate: with Bessel's functions and their first zeros j0, j1,

    u = J_0(j0 r) exp(-alpha j0^2 t) + J_1(j1 r) cos(phi) exp(-alpha j1^2 t)

(Carslaw, Jaeger: Conduction of heat in solids, 1959, chapter 7).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import above, all_or_up_to, at_least, at_most
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.geometry import Disc, Over
from pinn_core.problems.clipped import clipped, clipped_size
from pinn_core.problems.conditions import Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.problem import PROBLEMS, Grid, Problem, Reference
from pinn_core.tensors import Tensor

ZEROS = (2.404825557695773, 3.8317059702075125)
"""The first zeros of J_0 and, beside 0, of J_1."""
MOST_ALPHA = 100.0
"""Of the diffusivity: what decays faster is a number no more."""

_D = Derivatives("x", "y", "t")


@PROBLEMS.register("heat_disc")
@dataclass(frozen=True, kw_only=True)
class HeatDisc(Problem):
    """Heat equation on the unit disc; ``alpha`` is the diffusivity.

    ``points_per_axis`` are those of the grid of the square around the disc, and of the times.

    When to use: A curved boundary with time; to compare conditions as loss terms with conditions
    kept by the form.

        >>> grid = HeatDisc().grid()
        >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
        (6100, 1639)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y", "t")
    time_points: ClassVar[str] = "points_per_axis"
    reference: ClassVar[Reference] = "closed form"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    points_per_axis: int = 21
    """Points along x and y of the grid around the disc, and time levels."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    alpha: float = 0.1
    """The diffusivity."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        above(0, alpha=self.alpha)
        at_most(MOST_ALPHA, alpha=self.alpha)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        return clipped_size(self.domain, self.conditions, (self.points_per_axis,) * 3)

    @property
    def domain(self) -> Over:
        """The unit disc, t from 0 to 1."""
        return _cylinder()

    @cached_property
    def conditions(self) -> Conditions:
        """Zero on the circle, and the start, each with its own mean."""
        return {
            "boundary": Condition((Segment((self.domain.boundary,)),)),
            "initial": Condition((Segment((self.domain.moment(0.0),), self.exact),)),
        }

    @cached_property
    def hard(self) -> Hard | None:
        """None: Bessel's functions are not among those of which a form is made."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The equation as one operator."""
        return (_D.t - self.alpha * (_D.xx + _D.yy),)

    def residual(
        self,
        channels: Float[Tensor, "m c n 1"],
        points: Float[Tensor, "#m n 3"],  # noqa: ARG002
    ) -> Float[Tensor, "m n 1"]:
        """u_t - alpha (u_xx + u_yy)."""
        return channels[:, 1]

    def exact(self, points: Float[ndarray, "n 3"]) -> Float[ndarray, "n 1"]:
        """Both modes."""
        from scipy.special import j0, j1

        x, y, t = points.T
        radius = np.hypot(x, y)
        even, odd = (np.exp(-self.alpha * zero**2 * t) for zero in ZEROS)
        cosine = np.cos(np.arctan2(y, x))
        found: ndarray = j0(ZEROS[0] * radius) * even + j1(ZEROS[1] * radius) * cosine * odd
        return found[:, None]

    def grid(self) -> Grid:
        """Equally spaced points inside, and along the circle at the same distance."""
        return _grid(self)


@lru_cache(maxsize=1)
def _cylinder() -> Over:
    return Disc().over(0.0, 1.0)


@lru_cache(maxsize=4)
def _grid(problem: HeatDisc) -> Grid:
    counts = (problem.points_per_axis,) * 3
    return clipped(problem.domain, problem.conditions, counts, problem.exact)
