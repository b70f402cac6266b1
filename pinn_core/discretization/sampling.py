"""Where a step's points come from: drawn among the grid's, or new ones in the domain.

What is drawn is keyed by (seed, what for, step) alone, and drawn for many steps at once, because a
generator costs more than the numbers it makes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pinn_core.discretization.discretization import (
    FIXED_POINTS_SEED,
    Discretization,
    PointSet,
    tables,
)
from pinn_core.problems import Condition
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch

Scheme = Literal["uniform", "latin", "sobol"]
DRAWN_TOGETHER = 1 << 14
"""Points that are drawn at once, for as many steps as they serve."""


def draw(
    point_set: PointSet, count: int, seeds: Sequence[int], purpose: str, step: int
) -> PointSet:
    """``count`` of the points for each seed, independently and uniformly drawn."""
    rows = draw_ahead(point_set, count, seeds, purpose, step)[0]
    return point_set.at(rows.to(point_set.coordinates.device))


def draw_ahead(
    point_set: PointSet, count: int, seeds: Sequence[int], purpose: str, step: int
) -> Int[Tensor, "steps m n"]:
    """The rows that ``draw`` takes at ``step`` and the steps after it, as many as are drawn."""
    together = max(1, DRAWN_TOGETHER // count)
    first = step - step % together
    rows = _rows(len(point_set), count, tuple(seeds), purpose, first, together)
    return torch.from_numpy(rows[step - first :])


@lru_cache(maxsize=8)
def _rows(
    among: int, count: int, seeds: tuple[int, ...], purpose: str, first: int, together: int
) -> Int[ndarray, "steps m n"]:
    each = [generator(seed, purpose, first).integers(0, among, (together, count)) for seed in seeds]
    return np.stack(each, axis=1)


def held_out_points(disc: Discretization, count: int) -> PointSet | None:
    """A Latin hypercube of ``count`` points in the domain, the same for every run.

    No run trains on them: they are drawn for this purpose alone. None where the domain's points are
    not known: the problem's grid does not fill its box.
    """
    problem = disc.problem
    if not problem.grid().fills(problem.domain):
        return None
    rng = generator(FIXED_POINTS_SEED, "points/held_out", 0)
    unit = _latin(rng, (count, len(problem.coordinates)))
    return disc.point_set({"coordinates": problem.domain.at(unit)[None]})


@dataclass(frozen=True)
class DrawnTogether:
    """The points of ``steps`` steps from ``first`` on, (m, steps n) of each member together."""

    points: PointSet
    first: int
    steps: int

    def at(self, step: int) -> PointSet:
        """Those of one step, (m, n)."""
        count = len(self.points) // self.steps
        own = slice((step - self.first) * count, (step - self.first + 1) * count)
        tables = self.points.tables.items()
        return PointSet({name: table[:, own].contiguous() for name, table in tables})

    @cached_property
    def rows(self) -> Int[Tensor, "steps m n"]:
        """Where the points of every step are."""
        rows = torch.arange(len(self.points)).view(self.steps, 1, -1)
        return rows.expand(-1, len(self.points.coordinates), -1).contiguous()


class Fresh:
    """New points for a step: of the domain, and of every segment of the conditions.

    ``scheme`` is ``uniform``, ``latin`` (a Latin hypercube; McKay, Beckman, Conover 1979) or
    ``sobol`` (a scrambled Sobol sequence; Sobol 1967, Owen 1998).
    """

    def __init__(self, disc: Discretization, scheme: Scheme, seeds: Sequence[int]) -> None:
        self._disc, self._scheme, self._seeds = disc, scheme, tuple(seeds)
        self._drawn: dict[str, DrawnTogether] = {}

    def interior(self, count: int, step: int) -> PointSet:
        """``count`` points of the domain for each seed."""
        return self.interior_ahead(count, step).at(step)

    def interior_ahead(self, count: int, step: int) -> "DrawnTogether":
        """The same of all steps that are drawn together with this one."""
        domain = self._disc.problem.domain

        def points(unit: ndarray) -> PointSet:
            placed = self._in_order({"coordinates": domain.at(unit[:, 0, :, 1:])}, len(unit))
            return self._disc.with_coefficients(placed)

        return self._together("interior", (1, count), step, points)

    def condition(self, name: str, count: int, step: int) -> PointSet:
        """``count`` points of each of the condition's segments for each seed."""
        return self.condition_ahead(name, count, step).at(step)

    def condition_ahead(self, name: str, count: int, step: int) -> "DrawnTogether":
        """The same of all steps that are drawn together with this one."""
        condition = self._disc.conditions[name]
        shape = (len(condition.segments), count)
        return self._together(
            name, shape, step, lambda unit: self._in_order(_placed(condition, unit), len(unit))
        )

    def _together(
        self,
        name: str,
        shape: tuple[int, int],
        step: int,
        points: Callable[[ndarray], PointSet],
    ) -> "DrawnTogether":
        steps = max(1, DRAWN_TOGETHER // math.prod(shape))
        first, members = step - step % steps, len(self._seeds)
        if name not in self._drawn or self._drawn[name].first != first:
            unit = self._unit(f"points/{self._scheme}/{name}", first, (steps, *shape))
            drawn = points(unit.reshape(steps * members, *unit.shape[2:]))
            self._drawn[name] = DrawnTogether(drawn, first, steps)
        return self._drawn[name]

    def _in_order(self, tables: Mapping[str, Float[ndarray, "_ n k"]], batches: int) -> PointSet:
        """The points of so many batches, in each step one of every member, member by member."""
        members = len(self._seeds)
        return self._disc.point_set(
            {
                name: _one_after_another(table, batches // members, members)
                for name, table in tables.items()
            }
        )

    def _unit(
        self, purpose: str, first: int, shape: tuple[int, int, int]
    ) -> Float[ndarray, "steps m s n e"]:
        """Numbers in [0, 1): which box of a segment, and where in it."""
        numbers = 1 + len(self._disc.problem.coordinates)

        def of(seed: int) -> ndarray:
            rng = generator(seed, purpose, first)
            if self._scheme == "sobol":
                return _sobol(rng, shape, numbers)
            if self._scheme == "uniform":
                return rng.random((*shape, numbers))
            return _latin(rng, (*shape, numbers))

        return np.stack([of(seed) for seed in self._seeds], axis=1)


def _one_after_another(
    table: Float[ndarray, "_ n k"], steps: int, members: int
) -> Float[ndarray, "_ _ k"]:
    """A table of all steps, in each of them all members (or one for all), member by member."""
    if len(table) < steps * members:
        return np.tile(table, (1, steps, 1))
    own = table.reshape(steps, members, *table.shape[1:]).swapaxes(0, 1)
    return own.reshape(members, -1, table.shape[2])


def _latin(rng: np.random.Generator, shape: tuple[int, ...]) -> Float[ndarray, "*_ n e"]:
    """Latin hypercubes of n points: every one of n slices along each axis holds one point."""
    offset, count = rng.random(shape), shape[-2]
    slices = np.broadcast_to(np.arange(count)[:, None], shape)
    numbers: ndarray = (rng.permuted(slices, axis=-2) + offset) / count
    return numbers


def _sobol(
    rng: np.random.Generator, shape: tuple[int, int, int], numbers: int
) -> Float[ndarray, "steps s n e"]:
    """Every step has the next points of one sequence, every segment a sequence of its own.

    Which box comes last in the sequence's dimensions, the first of which are spread best.
    """
    from scipy.stats import qmc  # which takes long

    steps, segments, count = shape
    doublings = math.ceil(math.log2(steps * count))
    sequences = [
        qmc.Sobol(numbers, rng=int(rng.integers(2**63))).random_base2(doublings)[: steps * count]
        for _ in range(segments)
    ]
    points = np.stack(sequences).reshape(segments, steps, count, numbers)
    return np.roll(points.swapaxes(0, 1), 1, axis=-1)


def _placed(condition: Condition, unit: Float[ndarray, "m s n e"]) -> dict[str, ndarray]:
    members, _, count, _ = unit.shape
    return tables(
        condition,
        [
            segment.at(own[:, 1:], own[:, 0]).reshape(members, count, -1)
            for place, segment in enumerate(condition.segments)
            for own in [unit[:, place].reshape(members * count, -1)]
        ],
    )
