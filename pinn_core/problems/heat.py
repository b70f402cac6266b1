r"""The two-dimensional heat equation u_t = u_xx + u_yy on the unit square, t in (0, 1].

The square starts at 0 and is held at a1 (x = 0), a2 (x = 1) and, on y = 0 and y = 1, at
5 sin(2 pi freq x) + a1 + (a2 - a1) x (Pandya, Parpas, Lengyel: plateaus of PINNs, section 2). Grid:
``points_per_axis`` equally spaced points along x, y and t; with 26 there are 14 400 interior and
3 176 supervised points. Its numerical solution comes from the explicit 5-point scheme with
dt / h^2 = 1/16, thinned to the grid's time levels.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import MOST_COEFFICIENT, all_or_up_to, at_least, within
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.lattice import mesh
from pinn_core.problems.problem import PROBLEMS, Grid, Points, Problem
from pinn_core.solvers import explicit_heat
from pinn_core.tensors import Tensor

AMPLITUDE = 5.0
"""Height of the sine on the sides y = 0 and y = 1."""
COURANT = 1 / 16
"""dt / h^2 of the numerical solution (stable below 1/4); 10 001 levels at 26 points per axis."""

MOST_WAVES = 225
"""Of the sine: cosh(pi freq), of which the series solution is made, is a number up to there."""

CUBE = Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""The unit square over the time from 0 to 1."""

_D = Derivatives("x", "y", "t")


@PROBLEMS.register("heat")
@dataclass(frozen=True, kw_only=True)
class Heat(Problem):
    """Heat equation with held sides.

    ``interior_points`` thins the collocation points: that many, drawn once, the same for every run.

    When to use: The problem of the plateau study: a PINN and a regression model of one shape can be
    compared step by step.

        >>> grid = Heat().grid()
        >>> len(grid.interior.coordinates), len(grid.supervised.coordinates)
        (14400, 3176)
    """

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y", "t")
    time_points: ClassVar[str] = "points_per_axis"
    outputs: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    points_per_axis: int = 26
    """Points of the grid along each axis, both ends counted."""
    interior_points: int | Literal["all"] = "all"
    """How many of the grid's collocation points are trained on, drawn once, the same in every
    run."""
    a1: float = 0.0
    """The temperature on x = 0."""
    a2: float = 5.0
    """The temperature on x = 1."""
    freq: int = 2
    """Whole waves of the temperature along y = 0 and y = 1."""

    def __post_init__(self) -> None:
        at_least(4, points_per_axis=self.points_per_axis)
        within(1, MOST_WAVES, freq=self.freq)
        within(-MOST_COEFFICIENT, MOST_COEFFICIENT, a1=self.a1, a2=self.a2)
        all_or_up_to(self.grid_size[0], interior_points=self.interior_points)

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the full grid."""
        n = self.points_per_axis
        inside = (n - 2) ** 2 * (n - 1)
        return inside, n**3 - inside

    @property
    def domain(self) -> Box:
        """The unit square, t from 0 to 1."""
        return CUBE

    @cached_property
    def conditions(self) -> Conditions:
        """One: the temperature on the sides and at the start, all points alike."""
        sides = [CUBE.face(axis, value) for axis in (0, 1) for value in (0.0, 1.0)]
        return {"boundary": Condition((Segment((*sides, CUBE.face(2, 0.0)), self.held),))}

    @cached_property
    def hard(self) -> Hard | None:
        """None: the data jump at t = 0, no smooth form keeps them."""
        return None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The equation as one operator."""
        return (_D.xx + _D.yy - _D.t,)

    def residual(
        self,
        channels: Float[Tensor, "m c n k"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n k"]:
        """u_xx + u_yy - u_t."""
        return channels[:, 1]

    def sides(self, x: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """The temperature on y = 0 and y = 1; at x = 0 and x = 1 that of those sides."""
        wave: ndarray = AMPLITUDE * np.sin(2 * np.pi * self.freq * x)
        return wave + self.a1 + (self.a2 - self.a1) * x

    def held(self, points: Float[ndarray, "n 3"]) -> Float[ndarray, "n 1"]:
        """The temperature demanded on the sides and, elsewhere, at the start."""
        x, y = points[:, 0], points[:, 1]
        found = np.where((y == 0) | (y == 1), self.sides(x), 0.0)
        found = np.where(x == 0, self.a1, np.where(x == 1, self.a2, found))
        return found[:, None]

    def start(self, n: int) -> Float[ndarray, "n n"]:
        """The square at t = 0, indexed [x, y]: the sides at their values, 0 inside."""
        x = np.linspace(0.0, 1.0, n)
        u = np.zeros((n, n))
        u[:, 0] = u[:, -1] = self.sides(x)
        u[0, :], u[-1, :] = self.a1, self.a2
        return u

    def numerical(self, n: int, every: int) -> Float[ndarray, "levels n n"]:
        """Finite differences on n x n points up to t = 1: every ``every``-th time level."""
        return explicit_heat(self.start(n), COURANT, round((n - 1) ** 2 / COURANT), every)

    def exact(
        self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"], t: Float[ndarray, "*n"]
    ) -> Float[ndarray, "*n"]:
        """Series solution for t > 0: steady state plus decaying sine modes."""
        k = 2 * np.pi * self.freq
        u = self.sides(x) + AMPLITUDE * np.sin(k * x) * (
            np.cosh(k * (y - 0.5)) / np.cosh(k / 2) - 1.0
        )
        modes = np.arange(1, 2 + int(np.sqrt(40.0 / (np.pi**2 * t.min()))))
        decay = np.exp(-((np.pi * modes[:, None]) ** 2) * t)
        along_x = np.sin(np.pi * modes[:, None] * x) * decay
        along_y = np.sin(np.pi * modes[:, None] * y) * decay
        decaying = np.einsum("mn,mp,np->p", self._modes(modes), along_x, along_y, optimize=True)
        field: ndarray = u - decaying
        return field

    def _modes(self, modes: ndarray) -> Float[ndarray, "m n"]:
        """Coefficients of sin(m pi x) sin(n pi y) in the steady state."""
        odd = 1.0 - (-1.0) ** modes
        scale = np.pi * modes
        line = self.a1 * odd / scale - (self.a2 - self.a1) * (-1.0) ** modes / scale
        table = 4.0 * np.outer(line, odd / scale)
        k = 2 * np.pi * self.freq
        if 2 * self.freq in modes:
            row = int(np.flatnonzero(modes == 2 * self.freq)[0])
            table[row] += 2.0 * AMPLITUDE * scale * odd / (scale**2 + k**2)
        return table

    def grid(self) -> Grid:
        """Interior and supervised points of the full grid with all solutions."""
        return _grid(self.points_per_axis, self.a1, self.a2, self.freq)


@lru_cache(maxsize=4)
def _grid(n: int, a1: float, a2: float, freq: int) -> Grid:
    heat = Heat(points_per_axis=n, a1=a1, a2=a2, freq=freq)
    points = mesh(CUBE, (n, n, n))
    x, y, t = points.T
    numerical = np.moveaxis(heat.numerical(n, round((n - 1) / COURANT)), 0, -1).ravel()
    held = heat.conditions["boundary"].segments[0].holds(points)
    exact = np.where(held, numerical, 0.0)
    exact[~held] = heat.exact(x[~held], y[~held], t[~held])

    def known(where: ndarray) -> Points:
        return Points(points[where], numerical[where, None], exact[where, None])

    return Grid(known(~held), known(held))
