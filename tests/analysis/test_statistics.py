"""Statistics of runs, and of seeds, whose answers are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.load import StudyData
from analysis.rules import PlateauRule
from analysis.statistics import (
    LENGTH,
    compare_difference,
    compare_ratio,
    distance,
    over_seeds,
    per_run,
    run_statistics,
)

RULE = PlateauRule(spans=())
Make = Callable[..., pd.DataFrame]

PAIR = ("pinn", "regression")


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


def test_without_sketches_there_is_no_distance(trajectory: Make) -> None:
    run = trajectory(speed=0.5).drop(columns="sketch")
    assert "update/distance" in run
    assert distance(run, 29, 214) is None


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
        "lowest.loss/regression",
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


def test_a_run_that_diverged_before_its_plateau_does_not_count_as_one_without(
    trajectory: Make,
) -> None:
    about = {"model": ["pinn"] * 2, "seed": [0, 1], "diverged_at": [40, None]}
    runs = pd.DataFrame(about, index=pd.Index(["a", "b"], name="run_id"))
    falling = trajectory(flat=0)
    read = {"a": falling.loc[:25].reindex(falling.index), "b": falling}
    table = per_run(StudyData("rest", runs, [], read.__getitem__), RULE, ["a", "b"])
    assert table["plateau.length"].tolist()[0] == 0
    assert table["plateau.censored"].tolist() == [1, 0]


def test_over_seeds_gives_mean_spread_and_median_with_its_interval() -> None:
    lengths = [350.0, 486, 553, 384, 435]
    found = over_seeds(seeds("pinn", lengths)).loc[("pinn", "plateau.length")]
    assert found["seeds"] == 5
    assert found["mean"] == pytest.approx(441.6)
    assert found["sd"] == pytest.approx(80.83, abs=0.01)
    assert (found["low"], found["median"], found["high"]) == (350, 435, 553)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_fewer_than_five_seeds_have_no_interval(count: int) -> None:
    found = over_seeds(seeds("pinn", [300.0, 310, 320, 330][:count])).loc[
        ("pinn", "plateau.length")
    ]
    assert found[["low", "high"]].isna().all()
    assert found["mean"] == pytest.approx(np.mean([300, 310, 320, 330][:count]))


def test_a_median_of_lower_bounds_is_one() -> None:
    found = over_seeds(seeds("pinn", [200.0, 900, 900, 900, 900], censored=3))
    row = found.loc[("pinn", "plateau.length")]
    assert (row["censored"], row["median"], row["at_least"]) == (3, 900, True)
    assert pd.isna(row["low"])


def test_models_are_compared_by_geometric_means() -> None:
    one, other = [400.0, 420, 440, 460, 430], [200.0, 210, 190, 205, 195]
    found = compare_ratio(
        pd.concat([seeds("pinn", one), seeds("regression", other)]), LENGTH, *PAIR
    )
    assert found.kind == "geometric means"
    assert found.centers == ("430", "200")
    assert found.estimate is not None
    assert found.estimate.number == pytest.approx(stats.gmean(one) / stats.gmean(other))
    test = stats.ttest_ind(np.log(one), np.log(other), equal_var=False)
    assert found.estimate.p(1) == pytest.approx(test.pvalue)
    low, high = test.confidence_interval()
    assert found.estimate.interval == pytest.approx((np.exp(low), np.exp(high)))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_seeds_give_a_ratio_and_no_certainty(count: int) -> None:
    table = pd.concat([seeds("pinn", [400.0] * count), seeds("regression", [200.0] * count)])
    found = compare_ratio(table, LENGTH, *PAIR).estimate
    assert found is not None
    assert found.number == pytest.approx(2)
    assert found.interval is None


def test_quantities_of_either_sign_have_a_difference_and_no_ratio() -> None:
    table = pd.concat([seeds("pinn", [-0.4] * 4), seeds("regression", [0.4] * 4)])
    table = table.rename(columns={"plateau.length": "cosine"})
    assert compare_ratio(table, "cosine", *PAIR).estimate is None
    found = compare_difference(table, "cosine", *PAIR).estimate
    assert found is not None
    assert found.number == pytest.approx(-0.8)


def test_lengths_that_are_bounds_are_compared_by_their_medians() -> None:
    table = pd.concat([seeds("pinn", [900.0] * 5, 5), seeds("regression", [400.0, 450, 450, 500])])
    found = compare_ratio(table, LENGTH, *PAIR)
    assert (found.kind, found.centers) == ("medians", ("≥ 900", "450"))
    assert found.estimate is not None
    assert (found.estimate.bound, found.estimate.number) == ("at least", 2)
    assert found.estimate.interval is None


def test_a_run_without_a_plateau_leaves_a_ratio_of_medians() -> None:
    table = pd.concat([seeds("pinn", [0.0, 400, 420]), seeds("regression", [200.0] * 3)])
    found = compare_ratio(table, LENGTH, *PAIR)
    assert (found.kind, found.centers) == ("medians", ("400", "200"))


@pytest.mark.parametrize("quantity", ["plateau.length", "inside.mean.unheard/of"])
def test_a_model_or_quantity_that_is_not_there_leaves_everything_open(quantity: str) -> None:
    for compare in (compare_ratio, compare_difference):
        found = compare(seeds("pinn", [400.0]), quantity, *PAIR)
        assert found.seeds[1] == 0
        assert found.estimate is None
