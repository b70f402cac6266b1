"""Statistics of runs, and of seeds, whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.load import StudyData
from analysis.plateau import PlateauRule
from analysis.statistics import compare, distance, interval, over_seeds, per_run, run_statistics

RULE = PlateauRule(spans=())
Make = Callable[..., pd.DataFrame]


def seeds(model: str, lengths: list[float], censored: int = 0) -> pd.DataFrame:
    """The table of runs that differ in their plateau's length alone; the last ones censored."""
    left = len(lengths) - censored
    return pd.DataFrame(
        {
            "model": model,
            "seed": range(len(lengths)),
            "plateau.length": lengths,
            "plateau.censored": [0.0] * left + [1.0] * censored,
        },
        index=pd.Index([f"{model}{seed}" for seed in range(len(lengths))], name="run_id"),
    )


def test_means_and_spreads_are_taken_inside_and_after_the_plateau(trajectory: Make) -> None:
    found = run_statistics(trajectory(flat=200, steps=400, speed=0.5), RULE)
    assert found["plateau.length"] == 185
    assert found["inside.mean.update/norm"] == 0.5
    assert found["inside.sd.update/norm"] == 0.0
    after = [0.5] * (230 - 214) + [1.0] * (400 - 230)
    assert found["after.mean.update/norm"] == pytest.approx(np.mean(after))
    assert found["after.sd.update/norm"] == pytest.approx(np.std(after, ddof=1))


def test_cells_that_were_not_due_do_not_count(trajectory: Make) -> None:
    found = run_statistics(trajectory(), RULE)
    due = [0.5 if step % 2 else -0.5 for step in range(29, 214) if step % 5 == 0]
    assert found["inside.mean.gradient/cosine"] == pytest.approx(np.mean(due))
    assert found["inside.sd.gradient/cosine"] == pytest.approx(np.std(due, ddof=1))


def test_distances_come_from_the_nearest_sketches(trajectory: Make) -> None:
    run = trajectory(speed=0.5)
    assert distance(run, 29, 214) == (0.5 * (220 - 20), 220 - 20)
    found = run_statistics(run, RULE)
    assert found["inside.distance"] == 100
    assert found["inside.distance_per_step"] == 0.5
    assert found["after.distance_per_step"] == pytest.approx((0.5 * 10 + 1.0 * 170) / 180)


def test_a_sketched_distance_is_that_between_the_parameters_not_the_length_of_the_way() -> None:
    there_and_back = pd.DataFrame({"sketch": [[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]})
    assert distance(there_and_back, 0, 1) == (5.0, 1)
    assert distance(there_and_back, 0, 2) == (0.0, 2)


def test_without_sketches_the_distance_from_the_start_gives_a_lower_bound(trajectory: Make) -> None:
    run = trajectory(speed=0.5).drop(columns="sketch")
    assert distance(run, 29, 214) == (0.5 * 185, 185)
    assert distance(run.drop(columns="update/distance"), 29, 214) is None


def test_steps_nearest_to_the_same_sketch_have_no_distance(trajectory: Make) -> None:
    assert distance(trajectory(), 21, 25) is None


def test_a_plateau_never_left_has_no_after(trajectory: Make) -> None:
    found = run_statistics(trajectory(flat=370, steps=400), RULE)
    assert found["plateau.censored"] == 1
    assert any(name.startswith("inside.") for name in found)
    assert not any(name.startswith("after.") for name in found)


def test_a_run_that_diverged_at_once_has_next_to_nothing(trajectory: Make) -> None:
    run = trajectory()
    run.loc[1:] = None
    found = run_statistics(run, RULE)
    assert set(found) == {
        "best.loss/regression",
        "plateau.length",
        "plateau.censored",
        "conflict.rate",
    }


def test_the_table_has_a_row_per_run(trajectory: Make) -> None:
    about = {"model": ["pinn", "regression"], "seed": [3, 4]}
    runs = pd.DataFrame(about, index=pd.Index(["a", "b"], name="run_id"))
    read = {"a": trajectory(flat=370), "b": trajectory(flat=200)}
    table = per_run(StudyData("rest", runs, [], read.__getitem__), RULE, ["b", "a"])
    assert list(table.index) == ["b", "a"]
    assert table.loc["b", ["model", "seed", "plateau.length"]].tolist() == ["regression", 4, 185]
    assert pd.isna(table.loc["a", "after.mean.update/norm"])


def test_over_seeds_gives_mean_spread_median_and_an_interval_around_the_mean() -> None:
    lengths = [350.0, 486, 553, 384, 435]
    found = over_seeds(seeds("pinn", lengths)).loc[("pinn", "plateau.length")]
    assert found["seeds"] == 5
    assert found["mean"] == pytest.approx(441.6)
    assert found["sd"] == pytest.approx(80.83, abs=0.01)
    assert found["median"] == 435
    assert 350 < found["low"] < 441.6 < found["high"] < 553


def test_censored_runs_are_counted() -> None:
    found = over_seeds(seeds("pinn", [300.0, 310, 980], censored=1))
    assert found.loc[("pinn", "plateau.length"), "censored"] == 1


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_seeds_have_no_interval(count: int) -> None:
    found = over_seeds(seeds("pinn", [300.0, 310][:count])).loc[("pinn", "plateau.length")]
    assert found[["low", "high"]].isna().all()
    assert found["mean"] == pytest.approx(np.mean([300, 310][:count]))


def test_the_same_numbers_have_the_same_interval() -> None:
    sample = [1.0, 4.0, 2.0, 8.0, 5.0]
    assert interval(np.mean, sample) == interval(np.mean, sample)


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert interval(np.mean, [2.0, 2.0, 2.0]) == (2.0, 2.0)


def test_intervals_cover_the_mean_about_as_often_as_they_say() -> None:
    draws = np.random.default_rng(1).normal(size=(200, 30))
    spans = [interval(np.mean, draw) for draw in draws]
    covered = np.mean([span is not None and span[0] < 0 < span[1] for span in spans])
    assert 0.9 < covered < 0.99


def test_models_are_compared_by_medians_and_ranks() -> None:
    table = pd.concat([seeds("pinn", [400.0, 420, 440, 460]), seeds("regression", [200.0] * 4)])
    found = compare(table, "plateau.length")
    assert found.medians == (430, 200)
    assert found.ratio == 2.15
    assert found.difference == 230
    assert found.ratio_interval is not None
    assert found.ratio_interval[0] >= 2.0
    assert found.ratio_interval[1] <= 2.3
    assert found.effect == 1
    assert found.p is not None
    assert found.p < 0.05


def test_the_rank_test_is_scipys_exact_one() -> None:
    table = pd.concat([seeds("pinn", [5.0, 6, 7, 8]), seeds("regression", [1.0, 2, 3, 4])])
    assert compare(table, "plateau.length").p == pytest.approx(2 / 70)
    assert compare(table, "plateau.length", "regression", "pinn").effect == -1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_seeds_give_a_ratio_and_no_certainty(count: int) -> None:
    table = pd.concat([seeds("pinn", [400.0] * count), seeds("regression", [200.0] * count)])
    found = compare(table, "plateau.length")
    assert found.ratio == 2
    assert found.ratio_interval is None
    assert found.p is None
    assert found.effect is None


def test_quantities_of_either_sign_have_a_difference_and_no_ratio() -> None:
    table = pd.concat([seeds("pinn", [-0.4] * 4), seeds("regression", [0.4] * 4)])
    found = compare(table, "plateau.length")
    assert found.ratio is None
    assert found.difference == pytest.approx(-0.8)


@pytest.mark.parametrize("quantity", ["plateau.length", "inside.mean.unheard/of"])
def test_a_model_or_quantity_that_is_not_there_leaves_everything_open(quantity: str) -> None:
    found: Any = compare(seeds("pinn", [400.0]), quantity)
    assert found.seeds[1] == 0
    assert found.medians is None
    assert found.ratio is None
