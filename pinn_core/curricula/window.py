"""A problem on a part of its time."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from math import ceil
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pinn_core.engine.operators import Operator
from pinn_core.geometry import Region
from pinn_core.problems.conditions import Condition, Conditions
from pinn_core.problems.problem import Grid, Points, Problem
from pinn_core.tensors import Tensor


class Window(Problem):
    """The problem for ``start`` < t <= ``end``; its conditions at the first time hold at ``start``.

    What they demand there is the problem's where the window is its first, else nothing that the
    problem knows (NaN): who trains puts it in. Its grid is the problem's part of it and, for these
    conditions, the points of the problem's first time, with solutions that nobody knows (NaN) but
    in the first window: a grid point is judged in one window alone. No form keeps its conditions:
    those of the problem keep its first time, not the window's.
    """

    def __init__(
        self, problem: Problem, start: float, end: float, interior_points: int | Literal["all"]
    ) -> None:
        for name in ("kind", "per_member", "coordinates", "outputs", "linear", "error_outputs"):
            setattr(self, name, getattr(problem, name))
        self._problem, self._start, self._end = problem, start, end
        self._points = interior_points
        self._time = problem.coordinates.index("t")
        self._low = problem.domain.low[self._time]

    @property
    def interior_points(self) -> int | Literal["all"]:
        """The window's share of the problem's."""
        return self._points

    @cached_property
    def domain(self) -> Region:
        """The problem's part between the two times."""
        return self._cut(self._problem.domain)

    @cached_property
    def conditions(self) -> Conditions:
        """The problem's on their part of the sides, and at the window's start."""
        starting = at_the_start(self._problem)
        return {
            name: self._started(condition) if starting[name] else self._along(condition)
            for name, condition in self._problem.conditions.items()
        }

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The problem's."""
        return self._problem.operators

    def residual(
        self, channels: Float[Tensor, "m c n k"], points: Float[Tensor, "#m n d"]
    ) -> Float[Tensor, "m n r"]:
        """The problem's."""
        return self._problem.residual(channels, points)

    def _started(self, condition: Condition) -> Condition:
        if self._start == self._low:
            return replace(condition, per_member=True)
        unknown = partial(_unknown, len(condition.quantities))
        segments = [
            replace(
                segment,
                regions=tuple(
                    region.cut(self._time, self._start, self._start) for region in segment.regions
                ),
                target=unknown,
            )
            for segment in condition.segments
        ]
        return replace(condition, segments=tuple(segments), per_member=True)

    def _along(self, condition: Condition) -> Condition:
        segments = [
            replace(segment, regions=tuple(map(self._cut, segment.regions)))
            for segment in condition.segments
        ]
        return replace(condition, segments=tuple(segments))

    def _cut(self, region: Region) -> Region:
        """The part of a region, which reaches over all of the problem's time."""
        return region.cut(self._time, self._start, self._end)

    def grid(self) -> Grid:
        """The problem's points in the window; the start's again, without solutions."""
        whole = self._problem.grid()
        inside, outside = (
            _chosen(points, self._holds(points)) for points in (whole.interior, whole.supervised)
        )
        if self._start == self._low:
            return Grid(inside, outside)
        first = whole.supervised
        first = _chosen(first, first.coordinates[:, self._time] == self._low)
        moved = first.coordinates.copy()
        moved[:, self._time] = self._start
        nobody_knows = np.full_like(first.exact, np.nan)
        return Grid(inside, _joined(outside, Points(moved, nobody_knows, nobody_knows)))

    @property
    def grid_size(self) -> tuple[int, int]:
        """Interior and supervised points of the part, if the problem's are spread evenly in time.

        To a fraction of a time level, which is all that an estimate needs.
        """
        low, high = self._low, self._problem.domain.high[self._time]
        share = (self._end - self._start) / (high - low)
        inside, outside = self._problem.grid_size
        return ceil(share * inside), ceil(share * outside)

    def _holds(self, points: Points) -> Bool[ndarray, " n"]:
        time = points.coordinates[:, self._time]
        after = (time > self._start) | ((self._start == self._low) & (time == self._low))
        held: ndarray = after & (time <= self._end)
        return held


def at_the_start(problem: Problem) -> Mapping[str, bool]:
    """Of every condition, whether it is one at the first time alone.

    Raises ``ValueError`` where a condition is that and more; the problem's time is t.
    """
    time = problem.coordinates.index("t")
    low, high = problem.domain.low[time], problem.domain.high[time]
    found = {}
    for name, condition in problem.conditions.items():
        regions = [region for segment in condition.segments for region in segment.regions]
        times = {(region.low[time], region.high[time]) for region in regions}
        if times not in ({(low, low)}, {(low, high)}):
            raise ValueError(
                f"stages marching needs conditions at the first time or along all of it: "
                f"{name!r} of {problem.kind} is neither"
            )
        found[name] = times == {(low, low)}
    return found


def _unknown(quantities: int, points: Float[ndarray, "n d"]) -> Float[ndarray, "n q"]:
    return np.full((len(points), quantities), np.nan)


def _chosen(points: Points, where: ndarray) -> Points:
    return Points(points.coordinates[where], points.reference[where], points.exact[where])


def _joined(first: Points, then: Points) -> Points:
    return Points(
        np.concatenate([first.coordinates, then.coordinates]),
        np.concatenate([first.reference, then.reference]),
        np.concatenate([first.exact, then.exact]),
    )
