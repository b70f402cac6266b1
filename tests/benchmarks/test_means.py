"""What one seed says about further seeds: told by the new seeds alone, as the page has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.command import shown
from benchmarks.means import Means, chosen_by_one_seed, figure, spreads
from benchmarks.reseeded import SEEDS

PAGE = Path(__file__).parents[2] / "docs" / "results" / "plateaus-search.md"
MODELS = ("pinn", "regression")


@pytest.fixture(scope="module")
def models() -> dict[str, Means]:
    return {model: Means.of(model) for model in MODELS}


@pytest.fixture
def three() -> Means:
    """Configurations a, b, c: seed 0 likes a, seed 1 likes c, and b is the best by means."""
    names = pd.Index(["a", "b", "c"])
    losses = pd.DataFrame({1: [2.0, 1.0, 0.5], 2: [2.0, 1.0, 4.0]}, names)
    sets = pd.DataFrame({"best": True, "random": [True, True, False]}, names)
    return Means(losses, pd.Series([0.5, 0.6, 0.7], names), sets)


def test_what_one_seed_chose_is_judged_by_the_other_new_seeds(three: Means) -> None:
    rows = chosen_by_one_seed("pinn", three)
    assert [tuple(row.values())[1:] for row in rows] == [
        (0, 2, 2.0),  # a: 2.0 where b has 1.0
        (1, 3, 4.0),  # c: 4.0 by seed 2 alone
        (2, 2, 2.0),  # b: 1.0 where c has 0.5 by seed 1 alone
    ]


def test_seed_0_is_no_part_of_a_mean(three: Means) -> None:
    assert three.means.to_dict() == {"a": 2.0, "b": 1.0, "c": 2.25}
    assert three.over.to_dict() == {"a": 2.0, "b": 1.0, "c": 2.25}


def test_spreads_are_of_logarithms_in_each_set(three: Means) -> None:
    best, random = spreads("pinn", three)
    assert best["between seeds"] == pytest.approx(np.sqrt(np.log(8.0) ** 2 / 2 / 3))
    assert random["between seeds"] == 0
    assert random["between configurations"] == pytest.approx(np.log(2) / np.sqrt(2))
    assert random["rank correlation of seed 0 with the means"] == pytest.approx(-1)


def test_every_configuration_has_all_new_seeds(models: dict[str, Means]) -> None:
    for model, about in models.items():
        assert not about.losses.isna().any(axis=None)
        assert tuple(about.losses) == SEEDS[model]
        assert about.sets["best"].sum() == 20
        assert about.sets["random"].sum() == 40


def test_the_page_has_the_numbers_of_the_data_set(models: dict[str, Means]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for model, about in models.items():
        for row in spreads(model, about):
            assert f"| {' | '.join(map(shown, row.values()))} |" in page
        for row in chosen_by_one_seed(model, about):
            assert f"| {' | '.join(map(shown, row.values()))} |" in page


def test_the_figure_is_made(models: dict[str, Means], tmp_path: Path) -> None:
    figure(models, tmp_path / "means.png")
    assert (tmp_path / "means.png").stat().st_size > 10_000
