from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pinn_core import Heat, Member, train
from pinn_core.problems import Grid, Points
from pinn_core.records.trajectory import COLUMNS, COMPARED
from tests.pinn_core.packs import configuration, members


def frame(regression: bool = False, batch: object = "full") -> pd.DataFrame:
    one = configuration(regression=regression, batch=batch, learning_rate=1e-2)
    return train([Member(one, 3)])[0].table.to_pandas().set_index("step")


def recorded(table: pd.DataFrame, column: str) -> list[int]:
    return list(table.index[table[column].notna()])


def test_rows_and_columns_are_those_of_the_schema() -> None:
    table = frame()
    assert list(table.index) == list(range(13))
    assert list(table.columns) == [*COLUMNS, "sketch"]


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("batch", ["full", 20])
def test_what_is_due_is_there_and_nothing_else(regression: bool, batch: object) -> None:
    table = frame(regression, batch)
    every = list(range(13))
    for column in ("loss/batch", "loss/boundary", "loss/regression", "error/relative_l2"):
        assert recorded(table, column) == every
    assert recorded(table, "update/norm") == every[:-1]
    assert recorded(table, "update/cosine") == every[1:-1]
    free = batch == "full" and not regression
    for column in ("loss/residual", "gradient/cosine", "gradient/norm_boundary"):
        assert recorded(table, column) == (every if free else [0, 5, 10])
    assert recorded(table, "full/loss/residual") == [0, 4, 8, 12]
    assert recorded(table, "sketch") == [0, 3, 6, 9, 12]
    assert recorded(table, "weight/boundary") == ([] if regression else every)


def test_on_a_full_batch_the_columns_agree_with_each_other() -> None:
    table = frame()
    total = table["loss/residual"] + table["weight/boundary"] * table["loss/boundary"]
    assert np.allclose(total, table["loss/batch"], rtol=1e-5)
    assert np.allclose(total, table["loss/total"], rtol=1e-5)
    due = table[table["full/loss/regression"].notna()]
    for name in ("loss/residual", "loss/boundary", "loss/regression", "error/relative_l2"):
        assert np.array_equal(due[f"full/{name}"], due[name])
    assert table["gradient/cosine"].between(-1.0001, 1.0001).all()


def test_watched_points_estimate_the_whole_grid() -> None:
    table = frame(regression=True, batch=20).dropna(subset="full/loss/regression")
    assert np.allclose(table["loss/regression"], table["full/loss/regression"], rtol=0.5)


def test_a_full_regression_batch_is_the_grid_however_few_collocation_points_there_are() -> None:
    one = configuration(regression=True, batch="full")
    thinned = replace(one, problem=replace(one.problem, interior_points=20))
    found, whole = (train([Member(each, 0)])[0].table for each in (thinned, one))
    assert found["loss/regression"].equals(whole["loss/regression"])


def test_the_whole_grid_is_the_whole_grid_however_few_points_have_gradients() -> None:
    one = configuration(regression=True, batch="full")
    more = replace(one, record=replace(one.record, gradient_points=10_000))
    few, all_ = (train([Member(each, 0)])[0].table["full/loss/residual"] for each in (one, more))
    assert np.allclose(few.drop_null(), all_.drop_null(), rtol=1e-5)


def test_sketches_keep_the_distance_travelled() -> None:
    table = frame()
    sketches = np.stack(table["sketch"].dropna().to_list())
    assert sketches.shape == (5, 512)
    distances = np.linalg.norm(sketches - sketches[0], axis=1)[1:]
    assert np.allclose(distances, table["update/distance"].iloc[[3, 6, 9, 12]], rtol=0.2)


def test_runs_that_differ_in_learning_rate_alone_start_and_draw_alike() -> None:
    one, other = train(
        [Member(m.configuration, 7) for m in members(configuration(batch=20), [1e-3, 1e-2])]
    )
    assert one.table["loss/batch"][0] == other.table["loss/batch"][0]
    assert one.table["loss/batch"][5] != other.table["loss/batch"][5]


def test_a_smaller_rate_makes_shorter_updates_in_proportion() -> None:
    short, long = train(
        [Member(m.configuration, 7) for m in members(configuration(), [1e-3, 1e-2])]
    )
    ratio = long.table["update/norm"][0].as_py() / short.table["update/norm"][0].as_py()
    assert ratio == pytest.approx(10, rel=1e-3)


def without_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Heat.grid

    def unknown(points: Points) -> Points:
        nothing = np.full_like(points.exact, np.nan)
        return replace(points, reference=nothing, exact=nothing)

    def grid(self: Heat) -> Grid:
        known = whole(self)
        return Grid(unknown(known.interior), unknown(known.supervised))

    monkeypatch.setattr(Heat, "grid", grid)


@pytest.mark.parametrize("batch", ["full", 20])
def test_a_distance_from_an_unknown_solution_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch, batch: object
) -> None:
    known = frame(batch=batch)
    without_solution(monkeypatch)
    table = frame(batch=batch)
    for column in COMPARED:
        assert recorded(table, column) == []
    others = [column for column in COLUMNS if column not in COMPARED and "time/" not in column]
    pd.testing.assert_frame_equal(table[others], known[others])


def test_a_regression_on_an_unknown_solution_does_not_succeed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_solution(monkeypatch)
    (trajectory,) = train([Member(configuration(regression=True), 3)])
    assert trajectory.diverged_at == 0
