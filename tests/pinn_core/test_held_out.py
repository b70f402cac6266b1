"""The residual at points that no run trains on, and problems whose solution is not known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from pinn_core import Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.discretization.sampling import held_out_points
from pinn_core.prediction import Solution
from pinn_core.problems import Grid, Helmholtz
from pinn_core.problems.lattice import lattice
from pinn_core.records.trajectory import COMPARED
from pinn_core.testing.problems import check_problem
from tests.pinn_core.packs import configuration

COLUMN = "held_out/loss/residual"


def recorded(**fields: Any) -> Any:
    one = configuration()
    return replace(one, record=replace(one.record, held_out_every=4, **fields))


@pytest.mark.parametrize("batch", ["full", 20])
def test_it_is_the_mean_square_of_the_predicted_residual(batch: Any) -> None:
    one = replace(recorded(held_out_points=50, parameters=4), objective=Pinn(batch=batch))
    (run,) = train([Member(one, 3)])
    cells = run.table[COLUMN].to_pylist()
    assert [step for step, cell in enumerate(cells) if cell is not None] == [0, 4, 8, 12]
    points = held_out_points(Discretization(one.problem, one.network, "float64"), 50)
    assert points is not None
    for step in (4, 12):
        solution = Solution(one, run.parameters[step])
        residual = solution.predict(points.coordinates[0].numpy(), "residual")
        assert cells[step] == pytest.approx(np.mean(residual**2), rel=1e-5)


def test_the_points_are_inside_and_no_points_of_the_grid() -> None:
    disc = Discretization(Helmholtz(points_per_axis=9), Mlp(width=4, depth=1), "float64")
    points = held_out_points(disc, 64)
    assert points is not None
    held = points.coordinates[0].numpy()
    assert disc.problem.domain.holds(held).all()
    grid = {tuple(row) for row in disc.grid.coordinates[0].tolist()}
    assert not grid & {tuple(row) for row in held.tolist()}
    strata = np.sort(np.floor((held + 1.0) / 2.0 * 64), axis=0)
    assert (strata == np.arange(64)[:, None]).all()


def test_recording_it_changes_no_step() -> None:
    with_it, without = (
        train([Member(replace(configuration(), record=Record(held_out_every=every)), 0)])[0]
        for every in (3, 0)
    )
    others = [name for name in with_it.table.column_names if name not in (COLUMN,)]
    others = [name for name in others if not name.startswith("time/")]
    assert with_it.table.select(others).equals(without.table.select(others))
    assert without.table[COLUMN].null_count == 13


@dataclass(frozen=True, kw_only=True)
class Unsolved(Helmholtz):
    """An equation without a reference."""

    reference: ClassVar[Any] = "none"

    def grid(self) -> Grid:
        counts = (self.points_per_axis,) * 2
        return lattice(self.domain, self.conditions, counts)


def test_without_a_reference_nothing_is_compared() -> None:
    problem = Unsolved(points_per_axis=8)
    check_problem(problem)
    (run,) = train([Member(replace(configuration(), problem=problem), 0)])
    assert not set(COMPARED) & set(run.table.column_names)
    for name in ("loss/total", "loss/residual", COLUMN):
        assert run.table[name].is_valid()[0].as_py()
    (solved,) = train([Member(replace(configuration(), problem=Helmholtz(points_per_axis=8)), 0)])
    same = [name for name in run.table.column_names if not name.startswith("time/")]
    assert run.table.select(same).equals(solved.table.select(same))


@dataclass(frozen=True, kw_only=True)
class Boasting(Unsolved):
    """An equation that says that it has a reference, and has none."""

    reference: ClassVar[Any] = "solver"


def test_the_contract_finds_a_reference_that_is_not_there() -> None:
    with pytest.raises(Exception, match="its reference is said to be 'solver', but a solution is"):
        check_problem(Boasting(points_per_axis=8))
