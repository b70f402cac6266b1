"""What every problem keeps."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

from pinn_core.problems import PROBLEMS, Convection, Helmholtz, KleinGordon, Poisson, Reaction, Wave
from pinn_core.problems.conditions import IDENTITY
from tests.pinn_core.points import drawn, inside

every_kind = pytest.mark.parametrize("kind", PROBLEMS.names())


@every_kind
def test_every_segment_holds_supervised_points_that_know_its_demand(kind: str) -> None:
    problem = PROBLEMS[kind]()
    supervised = problem.grid().supervised
    segments = [s for one in problem.conditions.values() for s in one.segments]
    on = np.array([segment.holds(supervised.coordinates) for segment in segments])
    assert on.any(axis=0).all(), "a supervised point lies on no segment"
    assert on.any(axis=1).all(), "a segment holds no supervised point"
    for condition in problem.conditions.values():
        for segment in condition.segments:
            # Where segments meet, data may jump (a cavity's lid), and the solution can obey one.
            own = segment.holds(supervised.coordinates) & (on.sum(axis=0) == 1)
            target = segment.target(supervised.coordinates[own])
            assert target.shape == (own.sum(), len(condition.quantities))
            for column, one in enumerate(condition.sums):
                (operator, output), *others = one
                if operator == IDENTITY and not others and condition.shift is None:
                    known = supervised.exact[own, output]
                    assert np.allclose(target[:, column], known, rtol=0, atol=1e-12)


@every_kind
def test_the_grid_knows_the_solution_and_fills_the_box(kind: str) -> None:
    problem = PROBLEMS[kind]()
    grid = problem.grid()
    assert grid.knows("reference")
    assert grid.knows("exact")
    assert grid.fills(problem.domain)
    for points in (grid.interior, grid.supervised):
        assert problem.domain.holds(points.coordinates).all()


@every_kind
def test_points_drawn_on_a_segment_lie_on_it_and_in_the_domain(kind: str) -> None:
    problem = PROBLEMS[kind]()
    for condition in problem.conditions.values():
        for segment in condition.segments:
            points = drawn(segment, len(problem.coordinates))
            assert segment.holds(points).all()
            assert problem.domain.holds(points).all()
            if condition.shift is not None:
                assert problem.domain.holds(points + np.array(condition.shift)).all()


@every_kind
def test_interior_points_are_up_to_the_grids(kind: str) -> None:
    problem = PROBLEMS[kind]
    count = len(problem().grid().interior.coordinates)
    assert problem(interior_points=count).interior_points == count
    for bad in (0, count + 1):
        with pytest.raises(ValueError, match=f"interior_points must be 'all' or 1 to {count}"):
            problem(interior_points=bad)


@every_kind
def test_a_problem_travels_between_processes(kind: str) -> None:
    problem = PROBLEMS[kind]()
    again = pickle.loads(pickle.dumps(problem))
    assert again == problem
    assert hash(again) == hash(problem)
    there = pickle.loads(pickle.dumps(problem.conditions))
    assert list(there) == list(problem.conditions)


@every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_members_residual_is_the_same_bits_in_any_pack(kind: str, dtype: torch.dtype) -> None:
    problem = PROBLEMS[kind]()
    count = 1 + len(problem.operators)
    random = torch.Generator().manual_seed(0)
    channels = torch.randn(3, count, 37, problem.outputs, dtype=dtype, generator=random)
    points = torch.from_numpy(np.stack([inside(problem, 37, seed) for seed in range(3)])).to(dtype)
    packed = problem.residual(channels, points)
    shared = problem.residual(channels, points[:1])
    assert packed.dtype == shared.dtype == dtype
    for member in range(3):
        own = slice(member, member + 1)
        alone = problem.residual(channels[own].clone(), points[own].clone())
        assert torch.equal(alone, packed[own])
        assert torch.equal(problem.residual(channels[own].clone(), points[:1]), shared[own])


@pytest.mark.parametrize(
    ("problem", "bad"),
    [
        (Poisson, {"points_per_axis": 3}),
        (Poisson, {"c": 0.0}),
        (Poisson, {"c": float("nan")}),
        (Helmholtz, {"points_per_axis": 3}),
        (Helmholtz, {"a1": 0}),
        (Helmholtz, {"a2": -1}),
        (Helmholtz, {"k": -1.0}),
        (KleinGordon, {"points_per_axis": 3}),
        (KleinGordon, {"alpha": float("inf")}),
        (KleinGordon, {"beta": float("nan")}),
        (KleinGordon, {"gamma": float("-inf")}),
        (KleinGordon, {"k": 0}),
        (Wave, {"points_per_axis": 3}),
        (Wave, {"c": 0.0}),
        (Wave, {"beta": -4.0}),
        (Convection, {"points_x": 3}),
        (Convection, {"beta": float("inf")}),
        (Reaction, {"points_t": 3}),
        (Reaction, {"rho": -1.0}),
    ],
    ids=str,
)
def test_impossible_settings_are_named(problem: Any, bad: dict[str, float]) -> None:
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"{name} must .*, found {value}"):
        problem(**bad)
