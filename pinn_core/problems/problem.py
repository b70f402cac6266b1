"""What a problem is: an equation on a domain, its conditions and the solutions it is judged by."""

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.engine.operators import Operator
from pinn_core.geometry import Box, Region
from pinn_core.parts import Family, Part
from pinn_core.problems.conditions import Conditions
from pinn_core.problems.hard import Hard
from pinn_core.problems.unknowns import Unknowns
from pinn_core.tensors import Tensor

Reference = Literal["closed form", "solver", "none"]
T = TypeVar("T", bound=Any)
"""A tensor, or the symbols with which a residual is traced."""


@dataclass(frozen=True)
class Points:
    """Points with what is known there, float64 arrays with k solution components.

    ``reference`` is the numerical solution that regression learns, ``exact`` the solution that
    errors are measured against; they are the same where there is a closed form. A component that
    is not known (a pressure without reference) is NaN at every point and not judged.
    """

    coordinates: Float[ndarray, "n d"]
    reference: Float[ndarray, "n k"]
    exact: Float[ndarray, "n k"]

    @classmethod
    def without_solution(cls, coordinates: Float[ndarray, "n d"], outputs: int) -> "Points":
        """Points at which no component of the solution is known."""
        unknown = np.full((len(coordinates), outputs), np.nan)
        return cls(coordinates, unknown, unknown)


@dataclass(frozen=True)
class Grid:
    """A problem's full grid: interior (collocation) and supervised (boundary, initial) points.

    ``scattered`` points lie all over the domain and are no lattice.
    """

    interior: Points
    supervised: Points
    scattered: bool = False

    def knows(self, solution: Literal["reference", "exact"]) -> bool:
        """Whether that solution is known: some component is, and none at a part of the points."""
        parts = (self.interior, self.supervised)
        known = np.isfinite(np.concatenate([getattr(part, solution) for part in parts]))
        somewhere, everywhere = known.any(axis=0), known.all(axis=0)
        return bool(everywhere.any() and (everywhere == somewhere).all())

    def fills(self, domain: Region) -> bool:
        """Whether there are points all over the domain.

        Of a box: a whole lattice, but for open far ends, or scattered points. A domain with a shape
        of its own is no larger than the problem.
        """
        if self.scattered or not isinstance(domain, Box):
            return True
        parts = (self.interior, self.supervised)
        points = np.unique(np.concatenate([part.coordinates for part in parts]), axis=0)
        axes = [np.unique(values) for values in points.T]
        if len(points) < prod(map(len, axes)):
            return False
        ends = [(axis[0], axis[-1] + np.diff(axis).max(initial=0.0)) for axis in axes]
        slack = 1e-9 * domain.extent
        firsts, nexts = np.transpose(ends)
        return bool((firsts <= domain.low + slack).all() and (nexts >= domain.high - slack).all())


class Problem(Part):
    """The base of every problem: a frozen dataclass; its fields are coefficients and points."""

    coordinates: ClassVar[tuple[str, ...]]
    outputs: ClassVar[int] = 1
    reference: ClassVar[Reference] = "solver"
    """Where the solution comes from that runs are compared with; with ``none`` there is none, and
    nothing that needs one is recorded."""
    linear: ClassVar[bool] = False
    """Whether there is one output, and residual i is operator i's channel plus a known function."""
    error_outputs: ClassVar[tuple[tuple[Operator, int], ...]] = ()
    """What errors are measured of, where that is not the outputs (a stream function's velocity):
    pairs of an operator and an output, in the order of the columns of ``Points.exact``."""
    error_names: ClassVar[tuple[str, ...]] = ()
    """What these are called in pictures."""
    time_points: ClassVar[str] = ""
    """The field that holds the grid's number of time levels, if time is a coordinate."""

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the outputs, by which observations speak of them: u, or u1, u2 and so on."""
        numbers = range(1, self.outputs + 1)
        return ("u",) if self.outputs == 1 else tuple(f"u{number}" for number in numbers)

    @property
    @abstractmethod
    def domain(self) -> Region:
        """Where the equation holds: a box, or a shape with or without time."""

    @property
    @abstractmethod
    def conditions(self) -> Conditions:
        """What is demanded besides the equation, by the name of its loss term."""

    @property
    def hard(self) -> Hard | None:
        """How a network can keep conditions exactly, if it can."""
        return None

    @property
    def interior_points(self) -> int | Literal["all"]:
        """How many of the grid's collocation points to train on; the same ones in every run."""
        return "all"

    @property
    @abstractmethod
    def operators(self) -> tuple[Operator, ...]:
        """What the residual needs besides the value, in the order of the channels."""

    @property
    def unknowns(self) -> Unknowns:
        """Coefficients that are trained beside the network, by name; an inverse problem has some.

        ``residual`` finds their values with ``unknown``.
        """
        return {}

    def unknown(self, channels: T, name: str) -> T:
        """The present value (m, n, 1) of an unknown, the same at all points.

        ``channels`` (m, c, n, k) are those that ``residual`` is given.
        """
        names = list(self.unknowns)
        value: T = channels[:, channels.shape[1] - len(names) + names.index(name), :, :1]
        return value

    @abstractmethod
    def residual(
        self, channels: Float[Tensor, "m c n k"], points: Float[Tensor, "#m n d"]
    ) -> Float[Tensor, "m n r"]:
        """Residuals of the equations from the channels (value, operators) at interior points."""

    @abstractmethod
    def grid(self) -> Grid:
        """The full grid with its solutions (computed once, then cached).

        Every segment of every condition holds some of its supervised points.
        """

    @property
    def grid_size(self) -> tuple[int, int]:
        """How many interior and how many supervised points ``grid`` has.

        A problem that knows this without making its grid says so here: sizes are checked before
        anything is made.

        >>> from pinn_core.problems import Heat
        >>> Heat(points_per_axis=10**5).grid_size
        (999950000799996, 49999200004)
        """
        grid = self.grid()
        return len(grid.interior.coordinates), len(grid.supervised.coordinates)


PROBLEMS: Family[type[Problem]] = Family("problem", Problem)
