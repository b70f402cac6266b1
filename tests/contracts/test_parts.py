"""What every part that a study file can name keeps, whatever its family."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from pinn_core import (
    AGGREGATIONS,
    ALIGNMENTS,
    NETWORKS,
    OBJECTIVES,
    OPTIMIZERS,
    PROBLEMS,
    WEIGHTINGS,
)
from pinn_core.inputs import INPUTS
from pinn_core.optimizers import StepContext

FAMILIES = (
    *(AGGREGATIONS, ALIGNMENTS, INPUTS, NETWORKS),
    *(OBJECTIVES, OPTIMIZERS, PROBLEMS, WEIGHTINGS),
)
RATES = {
    "gradient_descent_armijo": 1.0,
    "lbfgs": 1.0,
    "nncg": 1.0,
    "ssbroyden": 1.0,
}  # first trials, not the length of a step; others: below 2 / curvature
PARTS = [family[kind] for family in FAMILIES for kind in family.names()]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_a_part_is_frozen_data_with_a_kind_and_words(part: Any) -> None:
    fields = {field.name for field in dataclasses.fields(part)}
    default = part()
    assert part.__dataclass_params__.frozen
    assert part.per_member <= fields
    assert part.__pydantic_config__ == {"extra": "forbid"}
    assert part(**dataclasses.asdict(default)) == default
    assert json.loads(json.dumps(dataclasses.asdict(default))) == dataclasses.asdict(default)
    assert inspect.getdoc(part) and inspect.getdoc(inspect.getmodule(part))


@pytest.mark.parametrize("kind", PROBLEMS.names())
def test_a_problem_knows_the_size_of_its_grid_without_making_it(kind: str) -> None:
    names = {field.name for field in dataclasses.fields(PROBLEMS[kind])}  # type: ignore[arg-type]
    axes = [name for name in sorted(names) if name.startswith("points_")]
    problem = PROBLEMS[kind](**{name: 7 + place for place, name in enumerate(axes)})
    grid = problem.grid()
    made = len(grid.interior.coordinates), len(grid.supervised.coordinates)
    assert problem.grid_size == made
    vast = PROBLEMS[kind](**dict.fromkeys(axes, 10**6))
    assert sum(vast.grid_size) == 10 ** (6 * len(problem.coordinates))


@pytest.mark.parametrize("kind", PROBLEMS.names())
def test_a_problems_grid_is_finite_and_in_shape_but_for_what_nobody_knows(kind: str) -> None:
    problem = PROBLEMS[kind]()
    grid = problem.grid()
    for points in (grid.interior, grid.supervised):
        n = len(points.coordinates)
        assert points.coordinates.shape == (n, len(problem.coordinates))
        assert points.reference.shape == points.exact.shape == (n, problem.outputs)
        for solution in (points.reference, points.exact):
            unknown = np.isnan(solution).all(axis=0)
            assert np.isfinite(solution[:, ~unknown]).all() and not unknown.all()
    assert problem.domain.holds(grid.interior.coordinates).all()
    assert problem.domain.holds(grid.supervised.coordinates).all()
    for condition in problem.conditions.values():
        for segment in condition.segments:
            on = grid.supervised.coordinates[segment.holds(grid.supervised.coordinates)]
            assert len(on)
            assert segment.target(on).shape == (len(on), len(condition.quantities))


@pytest.mark.parametrize("kind", PROBLEMS.names())
def test_a_linear_problem_has_its_residuals_in_the_operators_places(kind: str) -> None:
    problem = PROBLEMS[kind]()
    points = torch.rand(1, 5, len(problem.coordinates), dtype=torch.float64)
    channels = torch.randn(2, 1 + len(problem.operators), 5, problem.outputs, dtype=torch.float64)
    residual = problem.residual(channels.requires_grad_(), points)
    if residual.shape[2] != len(problem.operators) or problem.outputs > 1:
        assert not problem.linear
        return
    slope = torch.randn_like(residual)
    (found,) = torch.autograd.grad(residual, channels, slope)
    expected = torch.cat([torch.zeros_like(found[:, :1]), slope.mT[..., None]], dim=1)
    assert torch.equal(found, expected) == problem.linear


@pytest.mark.parametrize("kind", NETWORKS.names())
def test_initial_parameters_depend_on_seed_and_shape_alone(kind: str) -> None:
    network = NETWORKS[kind]()
    first = network.initial(3, 1, 5)
    assert first.shape == (network.stack(3, 1).size,)
    assert first.dtype == torch.float64
    assert torch.equal(first, network.initial(3, 1, 5))
    assert not torch.equal(first, network.initial(3, 1, 6))


@pytest.mark.parametrize("kind", OPTIMIZERS.names())
def test_an_optimizer_walks_down_a_bowl(kind: str) -> None:
    optimizer = OPTIMIZERS[kind]()
    curvature = torch.tensor([[1.0, 10.0, 100.0]] * 2)

    def evaluate(theta: torch.Tensor, members: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        own = curvature[list(members)]
        return 0.5 * (own * theta.square()).sum(1, dtype=torch.float64), own * theta

    def products(vectors: torch.Tensor, members: Sequence[int]) -> torch.Tensor:
        return curvature[list(members)] * vectors

    def bowl(theta: torch.Tensor) -> StepContext:
        return StepContext(
            theta, *evaluate(theta, (0, 1)), evaluate, products=products, seeds=(0, 1)
        )

    theta = torch.full((2, 3), 0.3)
    rates = torch.full((2, 1), RATES.get(kind, 1e-2))
    settings = dict.fromkeys(optimizer.per_member, rates) | {"weight_decay": 0.0 * rates}
    state = optimizer.start(theta)
    for step in range(300):
        theta = theta + optimizer.update(settings, state, bowl(theta), step)
    assert (curvature * theta.square()).sum(1).max() < 1e-3
