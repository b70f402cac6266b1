"""Concordances: known ones are found, seeds and problems are kept apart, unknown ends count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.explanations.prediction import beginnings, foretold
from analysis.explanations.recorded import numbers
from analysis.rules import PlateauRule
from benchmarks.leads import made_up, pairs, true_concordance


def table(ends: list[float], values: list[float], **more: object) -> pd.DataFrame:
    about = {"model": "m", "seed": range(len(ends)), "problem": "", "start": 0, "left": True}
    return pd.DataFrame({**about, "end": ends, "loss": 1.0, "value": values, **more})


def concordance(of: pd.DataFrame) -> float:
    return next(one.concordance for one in foretold(of, "loss", ["value"]) if one.column == "value")


@pytest.mark.parametrize("sign", [1, -1])
def test_a_value_that_orders_the_ends_foretells_them(sign: int) -> None:
    of = table(list(range(20)), [sign * end**3 for end in range(20)])
    (loss, value) = foretold(of, "loss", ["value"])
    assert (value.concordance, value.direction, value.interval) == (1, sign, (1, 1))
    assert value.foretells
    assert value.pairs == 190
    assert (loss.concordance, loss.foretells) == (0.5, False)
    assert value.against_loss == 0.5


def test_noise_is_at_chance_whatever_was_learnt() -> None:
    random = np.random.default_rng(0)
    found = [concordance(table(list(range(12)), list(random.normal(size=12)))) for _ in range(200)]
    assert abs(np.mean(found) - 0.5) < 4 * np.std(found) / np.sqrt(200)


@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_a_known_concordance_is_found(unknown: float) -> None:
    random, true = np.random.default_rng(1), true_concordance(0.8, unknown)
    found = [foretold(pairs(random, 20, 0.8, unknown), "loss", ["column"])[1] for _ in range(50)]
    numbers_found = [one.concordance for one in found]
    assert abs(np.mean(numbers_found) - true) < 4 * np.std(numbers_found) / np.sqrt(50)
    held = [
        one.interval is not None and one.interval[0] <= true <= one.interval[1] for one in found
    ]
    assert np.mean(held) > 0.85


def test_two_runs_that_never_left_are_no_pair_and_one_that_did_left_first() -> None:
    ends = [5.0] * 10 + [9.0] * 10
    of = table(ends, list(range(20)), left=[True] * 10 + [False] * 10)
    assert foretold(of, "loss", ["value"])[1].pairs == 100
    assert concordance(of) == 1


def test_models_are_not_compared_with_one_another() -> None:
    early = table(list(range(12)), [1.0] * 12)
    late = table([end + 100 for end in range(12)], [2.0] * 12, model="other")
    assert concordance(pd.concat([early, late])) == 0.5


def test_the_order_of_a_pair_is_learnt_from_other_seeds() -> None:
    """In two arms of one seed the pair says the same: it must not teach itself."""
    values = [0.0, 1.0] + [0.5] * 10
    of = pd.concat([table(list(range(12)), values), table(list(range(12)), values, model="other")])
    first = of[of["seed"] < 2]
    with_others = foretold(of, "loss", ["value"])[1]
    assert len(first) == 4
    assert with_others.concordance < 1


def test_problems_that_agree_teach_one_another_and_those_that_do_not_mislead() -> None:
    up, down = list(range(12)), list(range(12))[::-1]
    one = table(list(range(12)), [float(each) for each in up], problem="heat")
    other = table(list(range(12)), [float(each) for each in up], problem="wave", model="w")
    against = table(list(range(12)), [float(each) for each in down], problem="wave", model="w")
    assert foretold(pd.concat([one, other]), "loss", ["value"])[1].elsewhere == 1
    assert foretold(pd.concat([one, against]), "loss", ["value"])[1].elsewhere == 0
    assert foretold(one, "loss", ["value"])[1].elsewhere is None


def test_few_seeds_have_no_concordance() -> None:
    value = foretold(table(list(range(9)), [1.0 * each for each in range(9)]), "loss", ["value"])[1]
    assert np.isnan(value.concordance)
    assert (value.interval, value.foretells) == (None, False)


def test_beginnings_are_read_on_the_plateau_and_nowhere_else() -> None:
    data, rule = made_up(np.random.default_rng(0), 3, 10), PlateauRule()
    runs = list(map(str, data.runs.index))
    table_of = beginnings(data, rule, runs, ["noise", "missing"])
    first = data.trajectory("0")["noise"].dropna()
    start = int(table_of["start"].loc["0"])
    assert 0 < start < 60
    inside = first.loc[start : start + rule.window - 1]
    assert table_of.loc["0", "noise"] == pytest.approx(inside.median())
    assert "missing" not in table_of
    assert table_of["left"].all()


def test_places_of_lists_are_columns() -> None:
    frame = pd.DataFrame({"list": [[1.0, 2.0], None, [3.0, np.inf]], "plain": [1, 2, 3]})
    frame["long"] = [[0.0] * 50] * 3
    assert list(numbers(frame, ["list", "plain", "long", "none"])) == [
        "list[0]",
        "list[1]",
        "plain",
    ]
    assert list(numbers(frame, ["list[1]", "long[3]"])) == ["list[1]", "long[3]"]
    assert np.isnan(numbers(frame, ["list[1]"])["list[1]"].iloc[2])
