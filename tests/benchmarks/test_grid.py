"""The tables and figures of the reference study's page, from the data set itself."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.grid import best, grid_figure, important, leaving, pairs, seeds_figure
from pinn_sweeps.data import plateaus

PAGE = Path(__file__).parents[2] / "docs" / "results" / "plateaus-search.md"


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return plateaus()


def test_the_page_has_the_numbers_of_the_data_set(runs: pd.DataFrame) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for row in best(runs):
        assert f"| {row['plateau']} |" in page
    counts = [str(row[key]) for row in leaving(runs) for key in row if key.startswith("rate")]
    left = sum(int(count.split()[0]) for count in counts)
    assert left == 18 + 40
    for row in important(runs):
        assert f"| {row['hyperparameter']} | {row['share']} |" in page
    for ratio in pairs(runs)["ratio"]:
        assert f"| {ratio:.3g} |" in page


def test_the_figures_are_made(runs: pd.DataFrame, tmp_path: Path) -> None:
    for draw in (grid_figure, seeds_figure):
        file = tmp_path / f"{draw.__name__}.png"
        draw(runs, file)
        assert file.stat().st_size > 10_000
