"""The fields that a run leaves for pictures: of which steps, at which points, and their numbers."""

from collections.abc import Iterator, Mapping

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


def fields_of(
    configuration: Configuration, parameters: Mapping[int, ndarray], device: str = "cpu"
) -> Fields | None:
    """The fields of a run from its parameters (P,) at some steps; None without any.

    In a marching run a point has the values of the last step that its window was trained at, NaN
    before that.
    """
    if not parameters:
        return None
    problem = configuration.problem
    points, reference = field_points(problem)
    prediction, residual = np.full(reference.shape, np.nan), np.zeros((len(points), 0))
    predictions, residuals = [], []
    for step, of_step in parameters.items():
        for stage in _stages_at(configuration, step):
            solution = Solution(configuration, of_step, device, stage)
            there = _holds(solution, points)
            prediction[there] = _predicted(solution, points[there])
            misfits = solution.predict(points[there], RESIDUAL)
            if residual.shape[1] == 0:
                residual = np.full((len(points), misfits.shape[1]), np.nan)
            residual[there] = misfits
        predictions.append(prediction.astype(np.float32))
        residuals.append(residual.astype(np.float32))
    return Fields(
        steps=np.array(list(parameters), dtype=np.int32),
        points=points,
        prediction=np.stack(predictions),
        residual=np.stack(residuals),
        reference=reference.astype(np.float32),
        coordinates=problem.coordinates,
        outputs=_symbols(problem, reference.shape[1]),
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


def _symbols(problem: Problem, count: int) -> tuple[str, ...]:
    if problem.symbols:
        return problem.symbols
    return ("u",) if count == 1 else tuple(f"u{place}" for place in range(1, count + 1))


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
