"""Periodic embedding: a network of cosines and sines of a coordinate is periodic in it exactly.

Dong and Ni 2021; as in jaxpi.
"""

import math
from dataclasses import dataclass

from pinn_core.checks import at_least, at_most
from pinn_core.engine.features import Features, Wave
from pinn_core.inputs.inputs import INPUTS, MOST_FEATURES, Inputs
from pinn_core.problems import Problem


@INPUTS.register("periodic", numerics=3)
@dataclass(frozen=True, kw_only=True)
class Periodic(Inputs):
    """cos and sin of 2 pi k x / period, k = 1 to ``frequencies``, for every periodic coordinate.

    Those are the coordinates along which a condition of the problem shifts, by their period; the
    others pass as they are.

    When to use: Where a condition asks for periodicity: it is then kept exactly and is no loss
    term.
    """

    frequencies: int = 1
    """How many multiples of the base frequency the network is given."""

    def __post_init__(self) -> None:
        at_least(1, frequencies=self.frequencies)
        at_most(MOST_FEATURES // 2, frequencies=self.frequencies)

    def features(self, problem: Problem) -> Features:
        """The features, coordinate by coordinate."""
        periods = _periods(problem)
        if not any(periods):
            raise ValueError(f"periodic inputs: {problem.kind} has no periodic condition")
        directions: list[tuple[float, ...]] = []
        waves: list[Wave] = []

        def enter(axis: int, factor: float, *own: Wave) -> None:
            row = tuple(factor if i == axis else 0.0 for i in range(len(periods)))
            directions.extend([row] * len(own))
            waves.extend(own)

        for axis, period in enumerate(periods):
            if not period:
                enter(axis, 1.0, "identity")
                continue
            for k in range(1, self.frequencies + 1):
                enter(axis, 2 * math.pi * k / period, "cos", "sin")
        return Features(tuple(directions), (0.0,) * len(waves), tuple(waves))


def _periods(problem: Problem) -> list[float]:
    """The period of every coordinate, 0 where there is none."""
    periods = [0.0] * len(problem.coordinates)
    for condition in problem.conditions.values():
        for axis, shift in enumerate(condition.shift or ()):
            periods[axis] = periods[axis] or abs(shift)
    return periods
