"""The replay of searches on the reference study's runs: what it looks up, stops and judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.means import Means
from benchmarks.replay import COLUMN, GOALS, Grid
from benchmarks.search import SIZES, WAYS, figure, searched, section
from pinn_sweeps.data import plateaus
from sweeps.study.plan import model_points, search_run
from sweeps.study.study import load_study


@pytest.fixture(scope="module")
def regression() -> Grid:
    return Grid.of(plateaus(), "regression")


def test_the_data_set_holds_the_whole_grid() -> None:
    runs, study = plateaus(), load_study("plateaus")
    for model in study.models:
        asked = {search_run(study, model, point).run_id for point in model_points(study, model)}
        assert set(runs[(runs["model"] == model) & (runs["stage"] == "search")]["run_id"]) == asked


def test_a_search_for_everything_costs_the_grid_and_finds_its_best(regression: Grid) -> None:
    row = searched(regression, "regression", "last loss", "random", "none", 540, 0)
    assert (row["runs"], row["place"], row["over"]) == (540, 1, 1.0)
    assert row["cost"] == pytest.approx(1.0)
    assert row["important"]


def test_pruning_costs_less_and_keeps_good_runs(regression: Grid) -> None:
    whole, halved = (
        searched(regression, "regression", "last loss", "random", pruner, 48, 0)
        for pruner in ("none", "halving")
    )
    assert halved["cost"] < 0.7 * whole["cost"]
    assert halved["place"] >= whole["place"]
    assert halved["runs"] == whole["runs"] == 48


def test_a_search_that_learns_can_be_repeated(regression: Grid) -> None:
    one, two, other = (
        searched(regression, "regression", "steps to the level", "tpe", "none", 24, repetition)
        for repetition in (3, 3, 4)
    )
    assert one == two != other


def test_the_values_are_those_of_the_curve(regression: Grid) -> None:
    for key, curve in list(regression.curves.items())[:20]:
        values = regression.values[key]
        assert len(values) == 1001
        assert values[curve.index].tolist() == curve[COLUMN].tolist()


def test_the_page_shows_every_way(tmp_path: Path) -> None:
    means = {model: Means.of(model).means for model in ("pinn", "regression")}
    found = {model: dict(zip((24, 48, 96), ("new", *its.nsmallest(2).index[::-1]), strict=True))
             for model, its in means.items()}  # fmt: skip
    over = {24: 9.0, 48: 3.5, 96: 1.5}
    row: dict[str, Any] = {"repetition": 0, "place": 3, "important": None}
    rows = [
        {**row, "model": model, "goal": goal, "sampler": sampler, "pruner": pruner,
         "runs": runs, "cost": runs / 2000, "over": over[runs], "found": found[model][runs]}
        for model in ("pinn", "regression")
        for goal in GOALS
        for sampler, (pruners, sizes) in WAYS.items()
        for pruner in pruners
        for runs in sizes
    ]  # fmt: skip
    words = section({"rows": rows})
    assert words.count("| tpe, halving |") == 4 * len(SIZES)
    assert "It does not hold." in words
    assert "| 3 |" in words
    assert words.count("| 1.5 | 1 | 0 |") == 4 * 6  # the best by means, which seed 0 did not show
    assert words.count("| 9 | – | 1 |") == 4 * (3 + 3 + 1)  # what was found has no new seeds
    assert "the largest factor is" in words
    figure({"rows": rows}, tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 1000


def test_a_damaged_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pinn_sweeps.data as data

    damaged = tmp_path / "plateaus.parquet"
    damaged.write_bytes(data.FILE.read_bytes()[:-1])
    monkeypatch.setattr(data, "FILE", damaged)
    with pytest.raises(ValueError, match="damaged"):
        plateaus()


def test_curves_are_thinned_and_end_with_the_last_loss() -> None:
    runs = plateaus()
    last = pd.Series([curve[-1] for curve in runs[f"curve.{COLUMN}"]])
    assert (last / runs[f"final.{COLUMN}"] - 1).abs().max() < 1e-5
    assert runs["curve.step"].map(len).max() <= 64
