"""The fields that a run leaves for pictures: of which steps, at which points, and their numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pinn_core.configuration import Configuration
from pinn_core.prediction import RESIDUAL, SLACK, Solution
from pinn_core.problems import Problem
from pinn_core.randomness import generator
from pinn_core.records.fields import Fields

MOST_POINTS = 4096
"""At which a field is kept."""
SLICES = 4
"""Of a problem in three coordinates: values of the last one, the first and the last among them."""
FEWEST_FILLED = 0.25
"""Part of a lattice's places that points must fill to count as points on it."""
SEED = 0
"""Of the choice among scattered points: the same ones in every run."""


def field_steps(configuration: Configuration) -> list[int]:
    """The steps of which a run to its end leaves fields; none where ``record.fields`` is no number.

    Half of them lie evenly on a linear scale, half on a logarithmic one; those that both have are
    there once. Where stages continue each other, the ends of all are there, too.

    >>> from dataclasses import replace
    >>> from pinn_core import Adam, Heat, Mlp, Pinn, Record
    >>> configuration = Configuration(
    ...     problem=Heat(), network=Mlp(width=8, depth=1), objective=Pinn(),
    ...     phases=(Adam(steps=1000),), record=Record(fields=12),
    ... )
    >>> field_steps(configuration)
    [0, 1, 4, 16, 63, 200, 251, 400, 600, 800, 1000]
    """
    asked, last, stages = configuration.record.fields, configuration.steps, configuration.stages
    if isinstance(asked, str) or len(configuration.problem.coordinates) > 3:
        return []
    half = asked // 2
    linear, logarithmic = np.linspace(0, last, half), np.geomspace(1, max(last, 1), half)
    ends = range(0, last + 1, last // stages.count) if stages.continues else ()
    steps = {round(step) for step in (*linear, *logarithmic, *ends)}
    return sorted(step for step in steps | {last} if step <= last)


def field_bytes(configuration: Configuration) -> int:
    """About what a run's fields take in the store; as many equations as outputs are assumed."""
    problem, steps = configuration.problem, len(field_steps(configuration))
    points, dimensions = sum(problem.grid_size), len(problem.coordinates)
    if dimensions == 3:
        points = round(SLICES * points ** (2 / 3))
    numbers = steps * 2 * problem.outputs + problem.outputs + 2 * dimensions
    return 4 * numbers * min(points, MOST_POINTS) if steps else 0


@dataclass(frozen=True)
class Field:
    """What a run's network is at the points of ``Fields`` at one step, float32.

    NaN are points that the step's parameters say nothing of, in other windows of a marching run.
    """

    prediction: Float[ndarray, "n k"]
    residual: Float[ndarray, "n r"]


class FieldMaker:
    """Makes the fields of a run from its parameters; its points are found when first asked for."""

    def __init__(self, configuration: Configuration, device: str = "cpu") -> None:
        self._configuration, self._device = configuration, device

    @cached_property
    def _known(self) -> tuple[Float[ndarray, "n d"], Float[ndarray, "n k"]]:
        return field_points(self._configuration.problem)

    def at(self, step: int, parameters: Float[ndarray, " p"]) -> Field:
        """The field of one step."""
        points, reference = self._known
        prediction, residual = np.full(reference.shape, np.nan), np.zeros((len(points), 0))
        for stage in _stages_at(self._configuration, step):
            solution = Solution(self._configuration, parameters, self._device, stage)
            there = _holds(solution, points)
            prediction[there] = _predicted(solution, points[there])
            misfits = solution.predict(points[there], RESIDUAL)
            if residual.shape[1] == 0:
                residual = np.full((len(points), misfits.shape[1]), np.nan)
            residual[there] = misfits
        return Field(prediction.astype(np.float32), residual.astype(np.float32))

    def together(self, of_steps: Mapping[int, Field]) -> Fields:
        """The fields of a run from those of its steps, at least one.

        Where a step says nothing of a point, it has what the step before said.
        """
        problem, (points, reference) = self._configuration.problem, self._known
        prediction = np.stack([field.prediction for field in of_steps.values()])
        residual = np.stack([field.residual for field in of_steps.values()])
        for table in (prediction, residual) if self._configuration.stages.continues else ():
            for before, now in pairwise(table):
                np.copyto(now, before, where=np.isnan(now))
        return Fields(
            steps=np.array(list(of_steps), dtype=np.int32),
            points=points,
            prediction=prediction,
            residual=residual,
            reference=reference.astype(np.float32),
            coordinates=problem.coordinates,
            outputs=_names(problem),
        )


def _stages_at(configuration: Configuration, step: int) -> Iterator[int]:
    """The stages whose networks a step's parameters are: two where one ends and the next begins.

    Stages that do not continue each other lead to the last one's problem, which all are shown on.
    """
    stages = configuration.stages
    if not stages.continues:
        yield stages.count - 1
        return
    each = configuration.steps // stages.count
    yield from (
        stage for stage in range(stages.count) if stage * each <= step <= (stage + 1) * each
    )


def _holds(solution: Solution, points: Float[ndarray, "n d"]) -> ndarray:
    """Which points lie in the window of time that the solution was trained on."""
    if not solution.configuration.stages.continues:
        return np.ones(len(points), dtype=bool)
    window = solution.problem.domain
    slack = SLACK * window.extent
    inside = (points >= window.low - slack) & (points <= window.high + slack)
    return np.asarray(inside.all(axis=1))


def _predicted(solution: Solution, points: Float[ndarray, "n d"]) -> Float[ndarray, "n k"]:
    """The quantities that errors are measured of."""
    judged = solution.problem.error_outputs
    if not judged:
        return solution.predict(points)
    columns = [solution.predict(points, operator)[:, output] for operator, output in judged]
    return np.stack(columns, axis=1)


def _names(problem: Problem) -> tuple[str, ...]:
    """What these quantities are called."""
    if not problem.error_outputs:
        return problem.components
    numbers = range(1, len(problem.error_outputs) + 1)
    return problem.error_names or tuple(f"u{number}" for number in numbers)


def field_points(problem: Problem) -> tuple[Float[ndarray, "n d"], Float[ndarray, "n k"]]:
    """Points of the problem's grid, ``MOST_POINTS`` at most, and the reference there.

    In three coordinates they lie on ``SLICES`` values of time, or else of the last coordinate.
    """
    grid = problem.grid()
    both = (grid.interior, grid.supervised)
    points = np.concatenate([part.coordinates for part in both])
    reference = np.concatenate([part.exact for part in both])
    points, first = np.unique(points, axis=0, return_index=True)
    rows = _spread(points, problem.coordinates)
    return points[rows], reference[first[rows]]


def _spread(points: Float[ndarray, "n d"], coordinates: tuple[str, ...]) -> Int[ndarray, " m"]:
    if points.shape[1] < 3:
        return _thinned(points, MOST_POINTS)
    axis = coordinates.index("t") if "t" in coordinates else 2
    levels = _evenly(np.unique(points[:, axis]), SLICES)
    others = np.delete(points, axis, axis=1)
    slices = [np.flatnonzero(points[:, axis] == level) for level in levels]
    return np.concatenate([rows[_thinned(others[rows], MOST_POINTS // SLICES)] for rows in slices])


def _thinned(points: Float[ndarray, "n d"], most: int) -> Int[ndarray, " m"]:
    """At most so many of the points, evenly: on a lattice where they are on one, else drawn."""
    count, dimensions = points.shape
    if count <= most:
        return np.arange(count)
    axes = [np.unique(values) for values in points.T]
    if count >= FEWEST_FILLED * np.prod([len(axis) for axis in axes]):
        kept = [_evenly(axis, round(most ** (1 / dimensions))) for axis in axes]
        on_all = [np.isin(values, axis) for values, axis in zip(points.T, kept, strict=True)]
        return np.flatnonzero(np.all(on_all, axis=0))
    drawn = generator(SEED, f"fields/{count}").choice(count, most, replace=False)
    return np.sort(drawn)


def _evenly(values: Float[ndarray, " n"], most: int) -> Float[ndarray, " m"]:
    """At most so many of the values, the first and the last among them."""
    places = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    found: ndarray = values[places]
    return found
