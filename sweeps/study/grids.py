"""What a study asks of its problems' grids: solutions to compare with, points all over the box."""

from collections.abc import Iterator

import numpy as np

from pinn_core.geometry import in_words
from pinn_core.objectives import OBJECTIVES
from pinn_core.problems import Grid, Problem
from pinn_core.problems.promises import SLACK, BrokenPromise, check_promises
from pinn_core.problems.unknowns import unused
from pinn_core.records.trajectory import COMPARED
from pinn_core.training.cadences import recorded_columns
from sweeps.errors import quoted
from sweeps.study.plain_yaml import Keys
from sweeps.study.sections import Study
from sweeps.study.validation import Wrong, shown

MOST_POINTS = 10_000_000
"""Points of a grid that is looked at when a study is read."""


def check_grids(study: Study) -> None:
    """Make the grid of each model's problem, and see that it has what the study asks of it.

    Raises ``Wrong`` where something compares with a solution that is not known, where the grid has
    points outside the problem's domain, and where points are drawn in a box that it does not fill.
    A grid of more than ``MOST_POINTS`` is not made for this: whether memory has room for it is seen
    when the study starts.
    """
    for model in study.models:
        problem = study.configuration_of(model).problem
        if sum(problem.grid_size) > MOST_POINTS:
            continue
        with np.errstate(all="ignore"):  # what overflows is not known, and said so
            grid = problem.grid()
        _check_points(model, problem, grid)
        _check_unknowns(model, problem)
        _check_inside(model, problem, grid)
        _check_solutions(study, model, problem, grid)
        _check_drawn_points(study, model, problem, grid)
        _check_probes(study, model, problem)
        if problem.plugin:  # ours are tested
            _check_promises(model, problem)


def _check_points(model: str, problem: Problem, grid: Grid) -> None:
    if not len(grid.interior.coordinates):
        message = (
            f"the grid of problem {problem.kind} has no interior points, all "
            f"{len(grid.supervised.coordinates)} lie on its conditions; allowed: more points"
        )
        raise Wrong(("models", model), message)


def _check_promises(model: str, problem: Problem) -> None:
    try:
        check_promises(problem)
    except BrokenPromise as error:
        raise Wrong(("models", model), f"problem {error}") from None


def _check_inside(model: str, problem: Problem, grid: Grid) -> None:
    found, wanted = len(problem.domain.low), len(problem.coordinates)
    if found != wanted:
        message = (
            f"the domain of problem {problem.kind} has {found} dimensions, allowed: {wanted}, the "
            f"coordinates {', '.join(problem.coordinates)}"
        )
        raise Wrong(("models", model), message)
    for points in (grid.interior.coordinates, grid.supervised.coordinates):
        outside = points[~problem.domain.holds(points, SLACK)]
        if len(outside):
            first = ", ".join(f"{x:g}" for x in outside[0])
            message = (
                f"the grid of problem {problem.kind} has {len(outside)} points outside its domain, "
                f"the first is ({first}), allowed: "
                f"{in_words(problem.domain, problem.coordinates)}"
            )
            raise Wrong(("models", model), message)


def _check_unknowns(model: str, problem: Problem) -> None:
    """Raise ``Wrong`` where the equation does not depend on a coefficient that is to be found."""
    ignored = unused(problem) if problem.unknowns else []
    if ignored:
        used = ", ".join(name for name in problem.unknowns if name not in ignored) or "none"
        message = (
            f"the residual of problem {problem.kind} does not depend on its unknown "
            f"{quoted(ignored[0])}, allowed: unknowns that it takes with 'unknown' ({used})"
        )
        raise Wrong(("models", model), message)


def _check_solutions(study: Study, model: str, problem: Problem, grid: Grid) -> None:
    unknown = [column for column, solution in COMPARED.items() if not grid.knows(solution)]
    if not unknown:
        return
    reason = f"needs a solution that problem {problem.kind} does not know on all of its grid"
    if problem.reference != "none":
        reason += f" ({_where_unknown(grid)}, and its 'reference' would be 'none')"
    if not study.models[model].objective.solves and "loss/regression" in unknown:
        others = ", ".join(name for name in OBJECTIVES.names() if _may_train(name, problem))
        message = f"found 'regression', which {reason}, allowed: {others}"
        raise Wrong(("models", model, "objective"), message)
    recorded = recorded_columns(study.configuration_of(model))
    others = ", ".join(name for name in recorded if name not in unknown and "time/" not in name)
    for keys, column in _columns_read(study, model):
        if column in unknown:
            raise Wrong(keys, f"found {column!r}, which {reason}, allowed: {others}")


def _where_unknown(grid: Grid) -> str:
    """At how many points a solution is not finite, and at which first."""
    parts = (grid.interior, grid.supervised)
    solved = np.concatenate([np.hstack([part.reference, part.exact]) for part in parts])
    places = np.concatenate([part.coordinates for part in parts])[~np.isfinite(solved).all(axis=1)]
    first = ", ".join(f"{x:g}" for x in places[0])
    return f"it is not finite at {len(places)} of {len(solved)} points, the first is ({first})"


def _may_train(objective: str, problem: Problem) -> bool:
    """Whether an objective needs no solution, and takes this problem as it is by default."""
    kind = OBJECTIVES[objective]
    if not kind.solves:
        return False
    try:
        kind().check(problem)
    except (TypeError, ValueError):  # a plugin's may need fields
        return False
    return True


def _check_probes(study: Study, model: str, problem: Problem) -> None:
    for place, probe in enumerate(study.configuration_of(model).record.probes):
        try:
            probe.check(problem)
        except ValueError as error:
            raise Wrong(("base", "record", "probes", place), str(error)) from None


def _columns_read(study: Study, model: str) -> Iterator[tuple[Keys, str]]:
    """The columns of a model's runs by which the study chooses and judges, and where it says so."""
    yield ("search", "metric"), study.metric.column
    yield ("analysis", "plateau", "curve"), study.analysis.plateau.curve
    for place, expectation in enumerate(study.expected):
        other = expectation.times_below
        if model == expectation.model or (other and model == other.model):
            yield ("expected", place, "metric"), expectation.metric


def _check_drawn_points(study: Study, model: str, problem: Problem, grid: Grid) -> None:
    for keys, scheme in _schemes(study, model):
        if scheme != "grid" and not grid.fills(problem.domain):
            box = f"the box from {problem.domain.low} to {problem.domain.high}"
            message = (
                f"found {shown(scheme)}, which draws points all over {box}, but the grid of "
                f"problem {problem.kind} does not fill it, allowed: 'grid', or a domain that has "
                f"the grid's shape"
            )
            raise Wrong(("models", model, *keys), message)


def _schemes(study: Study, model: str) -> Iterator[tuple[Keys, object]]:
    """Where the points of a model's runs come from, and where the study says so."""
    part = study.models[model]
    yield ("objective", "points"), part.objective.points
    drawn = part.space.get("objective.points", ())
    for place, scheme in enumerate(drawn if isinstance(drawn, tuple) else ()):
        yield ("space", "objective.points", place), scheme
