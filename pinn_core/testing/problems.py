"""Problems: their grids, conditions and residuals."""

from __future__ import annotations

import numpy as np
import torch

from pinn_core.problems import Problem
from pinn_core.problems.unknowns import unused
from pinn_core.testing.said import demand


def check_problem(problem: Problem) -> None:
    """Shapes, finite numbers, points on every segment, and a residual by member and point."""
    name, grid = problem.kind, problem.grid()
    size = len(grid.interior.coordinates), len(grid.supervised.coordinates)
    demand(problem.grid_size == size, f"{name}: grid_size is {problem.grid_size}, made are {size}")
    demand(min(size) > 0, f"{name}: no interior or no supervised points, found {size}")
    dimensions = len(problem.coordinates)
    for points in (grid.interior, grid.supervised):
        n = len(points.coordinates)
        shape = points.coordinates.shape
        demand(shape == (n, dimensions), f"{name}: coordinates have the shape {shape}")
        demand(bool(np.isfinite(points.coordinates).all()), f"{name}: a point is not finite")
        inside = bool(problem.domain.holds(points.coordinates).all())
        demand(inside, f"{name}: a point of the grid lies outside of the domain")
        for solution in (points.reference, points.exact):
            right = solution.ndim == 2 and len(solution) == n
            demand(right, f"{name}: a solution has the shape {solution.shape} at {n} points")
            unknown = np.isnan(solution).all(axis=0)
            sound = bool(np.isfinite(solution[:, ~unknown]).all())
            demand(sound, f"{name}: a component of a solution is NaN at some points alone")
            known, said = not unknown.all(), problem.reference != "none"
            demand(
                known == said,
                f"{name}: its reference is said to be {problem.reference!r}, but a solution is "
                f"{'known' if known else 'NaN'}",
            )
    names = {*problem.components, *problem.coordinates}
    each_named = len(names) == problem.outputs + len(problem.coordinates)
    demand(each_named, f"{name}: components names each output once, by no coordinate's name")
    demand(bool(problem.conditions), f"{name}: no conditions")
    supervised = grid.supervised.coordinates
    for condition, stated in problem.conditions.items():
        for segment in stated.segments:
            on = supervised[segment.holds(supervised)]
            demand(len(on) > 0, f"{name}: no supervised point lies on a segment of {condition!r}")
            shape, wanted = segment.target(on).shape, (len(on), len(stated.quantities))
            demand(shape == wanted, f"{name}: targets of {condition!r} are {shape}, not {wanted}")
    _check_residual(problem)


def _check_residual(problem: Problem) -> None:
    name, operators = problem.kind, problem.operators
    draws = torch.Generator().manual_seed(0)
    points = torch.from_numpy(problem.grid().interior.coordinates[:5])[None]
    count = 1 + len(operators) + len(problem.unknowns)
    shape = (2, count, points.shape[1], problem.outputs)
    channels = torch.randn(shape, generator=draws, dtype=torch.float64)
    residual = problem.residual(channels, points)
    right = residual.ndim == 3 and residual.shape[:2] == (2, points.shape[1])
    demand(right, f"{name}: the residual of channels {shape} is {tuple(residual.shape)}")
    first = problem.residual(channels[:1], points)
    same = torch.equal(first, residual[:1])
    demand(same, f"{name}: the residual of a member depends on other members")
    ignored = unused(problem)
    demand(not ignored, f"{name}: the residual does not depend on the unknowns {ignored}")
    if problem.linear:
        demand(not problem.unknowns, f"{name} has unknowns, with which no problem is linear")
        moved = problem.residual(channels + 1.0, points) - residual
        demand(
            torch.allclose(moved, torch.ones_like(moved)),
            f"{name} is said to be linear: its residual must be a channel plus a known function",
        )
