"""What a problem is: an equation on a box, its conditions and the solutions it is judged by."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from pinn_core.engine.operators import Operator
from pinn_core.problems.conditions import Box, Conditions
from pinn_core.problems.hard import Hard
from pinn_core.registry import Registry


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


@dataclass(frozen=True)
class Grid:
    """A problem's full grid: interior (collocation) and supervised (boundary, initial) points."""

    interior: Points
    supervised: Points

    def knows(self, solution: Literal["reference", "exact"]) -> bool:
        """Whether that solution is known: some component is, and none at a part of the points."""
        parts = (self.interior, self.supervised)
        known = np.isfinite(np.concatenate([getattr(part, solution) for part in parts]))
        somewhere, everywhere = known.any(axis=0), known.all(axis=0)
        return bool(everywhere.any() and (everywhere == somewhere).all())

    def fills(self, box: Box) -> bool:
        """Whether the points are a whole lattice over the box, but for open far ends."""
        parts = (self.interior, self.supervised)
        points = np.unique(np.concatenate([part.coordinates for part in parts]), axis=0)
        axes = [np.unique(values) for values in points.T]
        if len(points) < prod(map(len, axes)):
            return False
        ends = [(axis[0], axis[-1] + np.diff(axis).max(initial=0.0)) for axis in axes]
        slack = 1e-9 * box.extent
        firsts, nexts = np.transpose(ends)
        return bool((firsts <= box.low + slack).all() and (nexts >= box.high - slack).all())


@runtime_checkable
class Problem(Protocol):
    """The contract of every file in this folder: a frozen dataclass of hyperparameters.

    A problem whose errors are not those of its outputs (a stream function's, which is free up to a
    constant) has a class variable ``error_outputs`` besides: pairs of an operator and an output, in
    the order of the columns of ``Points.exact``.
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]
    coordinates: ClassVar[tuple[str, ...]]
    outputs: ClassVar[int]
    linear: ClassVar[bool]
    """Whether there is one output, and residual i is operator i's channel plus a known function."""

    @property
    def domain(self) -> Box:
        """Where the equation holds."""

    @property
    def conditions(self) -> Conditions:
        """What is demanded besides the equation, by the name of its loss term."""

    @property
    def hard(self) -> Hard | None:
        """How a network can keep conditions exactly, if it can."""

    @property
    def interior_points(self) -> int | Literal["all"]:
        """How many of the grid's collocation points to train on; the same ones in every run."""

    @property
    def operators(self) -> tuple[Operator, ...]:
        """What the residual needs besides the value, in the order of the channels."""

    def residual(
        self, channels: Float[Tensor, "m c n k"], points: Float[Tensor, "#m n d"]
    ) -> Float[Tensor, "m n r"]:
        """Residuals of the equations from the channels (value, operators) at interior points."""

    def grid(self) -> Grid:
        """The full grid with its solutions (computed once, then cached).

        Every segment of every condition holds some of its supervised points.
        """


@runtime_checkable
class Sized(Protocol):
    """A problem that knows how large its grid is without making it."""

    @property
    def grid_size(self) -> tuple[int, int]:
        """How many interior and how many supervised points ``grid`` would have."""


def grid_size(problem: Problem) -> tuple[int, int]:
    """Interior and supervised points of a problem's grid; it is made if the problem is not sized.

    >>> from pinn_core.problems import Heat
    >>> grid_size(Heat(points_per_axis=10**5))
    (999950000799996, 49999200004)
    """
    if isinstance(problem, Sized):
        return problem.grid_size
    grid = problem.grid()
    return len(grid.interior.coordinates), len(grid.supervised.coordinates)


PROBLEMS: Registry[Problem] = Registry("problem")
