"""More seeds of some configurations of the grid: which, as what runs, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.reseeded import (
    BEST,
    LAST,
    RANDOM,
    SEEDS,
    Chosen,
    chosen,
    packs_of,
    runs_of,
    table_of,
    train,
)
from pinn_core.configuration import run_id
from pinn_sweeps.data import plateaus, reseeded


@pytest.fixture(scope="module")
def grid() -> pd.DataFrame:
    runs = plateaus()
    return runs[runs["stage"] == "search"].set_index("run_id")


@pytest.fixture(scope="module")
def asked() -> list[Chosen]:
    return chosen(plateaus())


def test_the_best_and_random_configurations_are_chosen(
    grid: pd.DataFrame, asked: list[Chosen]
) -> None:
    for model, group in grid.groupby("model"):
        best = {one.like for one in asked if one.model == model and one.best}
        assert best == set(group.nsmallest(BEST, LAST).index)
        drawn = [one.like for one in asked if one.model == model and one.random]
        assert len(set(drawn)) == RANDOM
        assert grid.loc[drawn, LAST].median() == pytest.approx(group[LAST].median(), rel=0.1)


def test_runs_differ_in_the_seed_and_full_batches_of_pinns_in_their_points(
    grid: pd.DataFrame, asked: list[Chosen]
) -> None:
    for one, runs in runs_of(asked):
        configuration = runs[0].configuration
        assert [run.seed for run in runs] == list(SEEDS[one.model])
        if one.model == "pinn" and grid.loc[one.like, "objective.batch"] == "full":
            assert configuration.problem.interior_points == 1800
        else:
            assert run_id(configuration, 0, runs[0].rule) == one.like


def test_the_seeds_of_a_model_are_trained_one_after_the_other(asked: list[Chosen]) -> None:
    packs = [
        {(run.model != "regression", run.seed) for run in pack.runs} for pack in packs_of(asked)
    ]
    assert all(len(pack) == 1 for pack in packs)
    order = [max(pack) for pack in packs]
    assert order == sorted(order)


def test_a_second_start_trains_nothing_again(grid: pd.DataFrame, tmp_path: Path) -> None:
    small = grid[(grid["model"] == "regression") & (grid["network.width"] == 32)]
    like = small[(small["network.depth"] == 2) & (small["objective.batch"] == "128")].index[0]
    asked, store = [Chosen(like, "regression", best=False, random=True)], tmp_path / "store"
    train(store, packs_of(asked)[:2])
    with pytest.raises(ValueError, match="not in the store"):
        table_of(store, asked)
    train(store, packs_of(asked))
    table = table_of(store, asked)
    train(store, packs_of(asked))
    assert table_of(store, asked).equals(table)  # its seconds too
    assert table["seed"].tolist() == list(SEEDS["regression"])
    assert table["loss/regression"].nunique() == len(SEEDS["regression"])
    assert (table["loss/regression"] / grid.loc[like, LAST] - 1).abs().max() < 0.5


def test_the_published_runs_are_those_that_the_command_trains(asked: list[Chosen]) -> None:
    published = reseeded()
    trained = [(run.run_id, one.like) for one, runs in runs_of(asked) for run in runs]
    assert list(zip(published["run_id"], published["like"], strict=True)) == trained
    assert published["loss/regression"].between(0.01, 10).all()
