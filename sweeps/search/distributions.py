"""A study's space in Optuna's terms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pinn_core.configuration import canonical_json
from sweeps.study.space import Choices, Range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Point = Mapping[str, Any]
"""One value for each dotted key of a space."""

Space = Mapping[str, Choices | Range]


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """By dotted key, in the keys' own order, so that the order in the file does not matter."""
    return {key: _distribution(space[key]) for key in sorted(space)}


def is_finite(space: Space) -> bool:
    """Whether a space has finitely many points: lists and stepped ranges alone."""
    return not any(isinstance(values, Range) and values.step is None for values in space.values())


def shuffled(points: Sequence[Point], seed: int) -> list[Point]:
    """Points in an order that looks random and depends on the seed and on each point alone."""

    def place(point: Point) -> bytes:
        return hashlib.blake2b(canonical_json([seed, dict(point)]).encode()).digest()

    return sorted(points, key=place)


def _distribution(values: Choices | Range) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(values, Range):
        return CategoricalDistribution(values)
    low, high, step = values.low, values.high, values.step
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=values.log, step=int(step or 1))
    return FloatDistribution(low, high, log=values.log, step=step)
