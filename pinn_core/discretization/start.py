"""What a problem says of its solution at the first time, for networks that start near it."""

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.engine.stack import Stack
from pinn_core.geometry import Region
from pinn_core.networks import Network
from pinn_core.problems import Condition, Problem
from pinn_core.problems.conditions import IDENTITY, Segment
from pinn_core.tensors import Tensor, torch

PLACES, TIMES = 9, 21
"""Places are 2^9, those of jaxpi's Allen-Cahn equation; times every tenth of its 201."""

Start = tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]
"""Points and the values of one output there, in float64."""


def first_parameters(
    network: Network, stack: Stack, problem: Problem, seed: int
) -> Float[Tensor, " p"]:
    """The network's first parameters on a problem, float64; its layers are the stack's."""
    drawn = network.initial(stack.widths[0], problem.outputs, seed)
    return network.near_start(drawn, stack, starts(problem)) if network.takes_start else drawn


def starts(problem: Problem) -> Mapping[int, Start]:
    """By output its initial values, at the same places at each of several times.

    Outputs of which no condition demands values at the first time are left out.

    >>> from pinn_core.problems import Convection
    >>> points, values = starts(Convection())[0]
    >>> points.shape, bool((values == points[:, 0].sin()).all())
    (torch.Size([10752, 2]), True)
    """
    found: dict[int, list[tuple[ndarray, ndarray]]] = {}
    for region, condition, segment, outputs in _initial(problem):
        places = region.at(_spread(len(problem.coordinates)))
        values = condition.demanded(segment, places)
        for column, output in outputs.items():
            found.setdefault(output, []).append((places, values[:, column]))
    return {output: _repeated(problem, own) for output, own in sorted(found.items())}


def check_start(problem: Problem) -> None:
    """Raise ``ValueError`` where no output's values are known at the first time."""
    if not any(outputs for *_, outputs in _initial(problem)):
        raise ValueError(
            f"network.init initial_condition needs a problem with values at the first time t, "
            f"found {problem.kind}, which has none"
        )


def _initial(problem: Problem) -> Iterator[tuple[Region, Condition, Segment, dict[int, int]]]:
    """Regions at the first time with the columns of the targets that are values of outputs."""
    if "t" not in problem.coordinates:
        return
    time = problem.coordinates.index("t")
    first = problem.domain.low[time]
    for condition in problem.conditions.values():
        outputs = _values(condition)
        for segment in condition.segments:
            for region in segment.regions:
                if region.low[time] == region.high[time] == first:
                    yield region, condition, segment, outputs


def _values(condition: Condition) -> dict[int, int]:
    """By column of the targets the output of which they are values."""
    if condition.shift is not None or condition.combined:
        return {}
    entries = enumerate(entry for (entry,) in condition.sums)
    return {column: output for column, (op, output) in entries if op == IDENTITY}


def _spread(dimension: int) -> Float[ndarray, "n d"]:
    """Points of the unit cube of low discrepancy, always the same."""
    from scipy.stats import qmc  # which takes long

    points: ndarray = qmc.Sobol(dimension, scramble=False).random_base2(PLACES)
    return points


def _repeated(problem: Problem, parts: list[tuple[ndarray, ndarray]]) -> Start:
    """The places with their values at all times."""
    places, values = (np.concatenate(tables) for tables in zip(*parts, strict=True))
    time = problem.coordinates.index("t")
    points = np.tile(places, (TIMES, 1))
    levels = np.linspace(problem.domain.low[time], problem.domain.high[time], TIMES)
    points[:, time] = levels.repeat(len(places))
    return torch.from_numpy(points), torch.from_numpy(np.tile(values, TIMES))
