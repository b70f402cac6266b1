"""What every problem promises: shapes, names, points on every segment, a residual by points."""

from typing import get_args

import numpy as np

from pinn_core.problems.conditions import TAKEN, Condition, Segment
from pinn_core.problems.problem import Grid, Points, Problem, Reference
from pinn_core.problems.unknowns import unused
from pinn_core.tensors import torch

SLACK = 1e-6
"""How far outside its domain a point may lie, in parts of the domain's size."""
LOOKED_AT = 5
"""Points at which a residual is tried, no more than the grid has inside."""


class BrokenPromise(ValueError):
    """A problem is not what its family promises; the message names it and says what is wrong."""


def check_promises(problem: Problem) -> None:
    """Raise ``BrokenPromise`` with the first promise that a problem breaks.

    Its grid is made, its residual tried on a few points.
    """
    grid, name = problem.grid(), problem.kind
    size = len(grid.interior.coordinates), len(grid.supervised.coordinates)
    _demand(problem.grid_size == size, f"{name}: grid_size is {problem.grid_size}, made are {size}")
    _demand(size[0] > 0, f"{name}: its grid has no interior points")
    dimensions, found = len(problem.coordinates), len(problem.domain.low)
    _demand(found == dimensions, f"{name}: the domain has {found} dimensions, not {dimensions}")
    _check_names(problem)
    for points in (grid.interior, grid.supervised):
        _check_points(problem, points)
    for condition, stated in problem.conditions.items():
        _check_condition(problem, condition, stated, grid)
    _check_residual(problem, grid)


def _check_names(problem: Problem) -> None:
    name, outputs = problem.kind, problem.outputs
    allowed = get_args(Reference)
    _demand(
        problem.reference in allowed,
        f"{name}: reference is {problem.reference!r}, allowed: {', '.join(map(repr, allowed))}",
    )
    names = {*problem.components, *problem.coordinates}
    _demand(
        len(names) == outputs + len(problem.coordinates) and len(problem.components) == outputs,
        f"{name}: components names each of the {outputs} outputs once, by no coordinate's name; "
        f"found {', '.join(problem.components)}",
    )
    for condition in problem.conditions:
        _demand(
            condition not in TAKEN and "/" not in condition,
            f"{name}: found a condition {condition!r}, allowed: a name without '/' and none of "
            f"{', '.join(sorted(TAKEN))}",
        )


def _check_points(problem: Problem, points: Points) -> None:
    name, n = problem.kind, len(points.coordinates)
    shape, wanted = points.coordinates.shape, (n, len(problem.coordinates))
    _demand(shape == wanted, f"{name}: coordinates have the shape {shape}, not {wanted}")
    _demand(bool(np.isfinite(points.coordinates).all()), f"{name}: a point is not finite")
    inside = bool(problem.domain.holds(points.coordinates, SLACK).all())
    _demand(inside, f"{name}: a point of the grid lies outside of the domain")
    columns = {
        "reference": problem.outputs,
        "exact": len(problem.error_outputs) or problem.outputs,
    }
    for solution, count in columns.items():
        values = getattr(points, solution)
        shape, wanted = values.shape, (n, count)
        _demand(shape == wanted, f"{name}: {solution} has the shape {shape}, not {wanted}")
        if not n:
            continue
        unknown = np.isnan(values).all(axis=0)
        sound = bool(np.isfinite(values[:, ~unknown]).all())
        _demand(sound, f"{name}: a component of {solution} is NaN at some points alone")
        known, said = not unknown.all(), problem.reference != "none"
        _demand(
            known == said,
            f"{name}: its reference is said to be {problem.reference!r}, but a solution is "
            f"{'known' if known else 'NaN'}",
        )


def _check_condition(problem: Problem, condition: str, stated: Condition, grid: Grid) -> None:
    """Its points, and what is demanded there."""
    name, dimensions = problem.kind, len(problem.coordinates)
    shift = stated.shift or (0.0,) * dimensions
    _demand(
        len(shift) == dimensions,
        f"{name}: the shift of {condition!r} has {len(shift)} numbers, not {dimensions}",
    )
    outputs = {output for entries in stated.sums for _, output in entries}
    _demand(
        outputs <= set(range(problem.outputs)),
        f"{name}: {condition!r} speaks of output {max(outputs)}, allowed: 0 to "
        f"{problem.outputs - 1}",
    )
    supervised = grid.supervised.coordinates
    for segment in stated.segments:
        on = supervised[segment.holds(supervised)]
        _demand(len(on) > 0, f"{name}: no supervised point lies on a segment of {condition!r}")
        inside = bool(problem.domain.holds(on + np.array(shift), SLACK).all())
        _demand(inside, f"{name}: a partner of a point of {condition!r} lies outside the domain")
        _check_demanded(name, condition, stated, segment, on)


def _check_demanded(
    name: str, condition: str, stated: Condition, segment: Segment, on: np.ndarray
) -> None:
    try:
        known = {"targets": stated.demanded(segment, on)}
        if stated.combined:
            known["coefficients"] = stated.coefficients_at(segment, on)
    except ValueError as error:
        raise BrokenPromise(f"{name}: condition {condition!r}: {error}") from error
    for what, values in known.items():
        finite = bool(np.isfinite(values).all())
        _demand(finite, f"{name}: {what} of {condition!r} are not finite at all of its points")


def _check_residual(problem: Problem, grid: Grid) -> None:
    name, operators = problem.kind, problem.operators
    known = grid.interior.coordinates[:LOOKED_AT]
    draws, points = torch.Generator().manual_seed(0), torch.from_numpy(known)[None]
    shape = (2, 1 + len(operators) + len(problem.unknowns), len(known), problem.outputs)
    # Positive, so that a root or a logarithm of the solution is a number.
    channels = 0.5 + torch.rand(shape, generator=draws, dtype=torch.float64)
    residual = problem.residual(channels, points)
    is_tensor = isinstance(residual, torch.Tensor)
    found = tuple(residual.shape) if is_tensor else type(residual).__name__
    _demand(
        is_tensor and residual.ndim == 3 and residual.shape[:2] == (2, len(known)),
        f"{name}: the residual of channels {shape} is {found}, not (2, {len(known)}, number of "
        "equations)",
    )
    first = problem.residual(channels[:1], points)
    same = torch.allclose(first, residual[:1], rtol=1e-12, atol=0.0, equal_nan=True)
    _demand(same, f"{name}: the residual of a member depends on other members")
    ignored = unused(problem)
    _demand(not ignored, f"{name}: the residual does not depend on the unknowns {ignored}")
    if problem.linear:
        _demand(not problem.unknowns, f"{name} has unknowns, with which no problem is linear")
        moved = problem.residual(channels + 1.0, points) - residual
        _demand(
            problem.outputs == 1 and torch.allclose(moved, torch.ones_like(moved)),
            f"{name} is said to be linear: it must have one output, and its residual must be a "
            "channel plus a known function",
        )


def _demand(kept: bool, otherwise: str) -> None:
    if not kept:
        raise BrokenPromise(otherwise)
