"""The comparison table, on the screen and as rows."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console

from analysis.comparison import ComparisonTable, comparison_table
from analysis.contrast import contrast_of
from analysis.load import StudyData
from analysis.report.headline import headline
from analysis.rules import PlateauRule
from analysis.statistics import per_run
from analysis.wording import NONE, count, duration, number, plus_minus

Study = Callable[..., StudyData]


def compared(data: StudyData, rule: PlateauRule | None = None) -> ComparisonTable:
    return comparison_table(
        per_run(data, rule or PlateauRule(), data.runs.index), contrast_of(data.runs)
    )


def shown(table: ComparisonTable, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(table.to_rich())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def cell(table: ComparisonTable, words: str, model: str, part: str) -> str:
    (row,) = (row for row in table.rows if row.words == words)
    return row.cells[model, part]


def test_cells_are_means_over_seeds(study: Study) -> None:
    table = compared(study("pinn", "regression"))
    assert table.models == ("pinn", "regression")
    assert cell(table, "update length", "pinn", "inside") == "0.1"
    assert cell(table, "distance per step", "regression", "after") == "0.1"
    assert cell(table, "plateau lasts", "pinn", "inside").endswith("± 10")
    assert cell(table, "plateau lasts", "pinn", "after") == "–"


def test_two_models_fit_into_80_columns(study: Study) -> None:
    lines = shown(compared(study("pinn", "regression"))).splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = (line for line in lines if line.startswith("distance per step"))
    assert len(row.split()) == 3 + 4


@pytest.mark.parametrize("models", [3, 9])
def test_many_models_have_a_line_each(study: Study, models: int) -> None:
    text = shown(compared(study(*(f"M{place}" for place in range(models)), seeds=2)))
    assert max(map(len, text.splitlines())) <= 80
    assert sum(line.startswith("M") for line in text.splitlines()) >= models
    assert "final error" in text


def test_lower_bounds_are_said_to_be_so(study: Study) -> None:
    table = compared(study("pinn"), PlateauRule(scale="absolute", drop=10))
    assert cell(table, "plateau lasts", "pinn", "inside").startswith("median ≥ ")
    assert "3 of 3 ended in the plateau" in table.caption


def test_the_test_needs_both_models_and_seeds(study: Study) -> None:
    assert compared(study("pinn", "regression", seeds=5)).tested
    assert not compared(study("pinn", "regression", seeds=4)).tested
    assert not compared(study("pinn", seeds=4)).tested


def test_what_no_run_has_is_no_row(study: Study) -> None:
    table = compared(study("pinn", seeds=1, without=("gradient/cosine",)))
    words = [row.words for row in table.rows]
    assert "gradient cosine" not in words
    assert "update length" in words


def test_of_runs_that_ended_early_no_plateau_is_said(study: Study) -> None:
    data = study("pinn", "regression", seeds=2)
    whole = per_run(data, PlateauRule(), data.runs.index)
    early = whole["model"] == "pinn"
    table = whole.mask(early, other=np.nan).fillna({"model": "pinn", "plateau.censored": 1.0})
    table = table.assign(**{"plateau.length": table["plateau.length"].fillna(0.0)})
    found = comparison_table(table, contrast_of(data.runs))
    assert found.models == ("pinn", "regression")
    assert cell(found, "plateau lasts", "pinn", "inside") == NONE
    assert cell(found, "plateau lasts", "regression", "inside") != NONE
    assert found.caption.endswith("PINN 2 of 2 ended before a plateau could be seen.")
    assert "lower bound" not in found.caption
    assert "at least 0" not in headline(table, contrast_of(data.runs))
    nothing = comparison_table(table[early], contrast_of(data.runs))
    assert nothing.rows == ()
    assert "PINN 2 of 2 ended before" in " ".join(shown(nothing).split())
    assert (
        headline(table[early], contrast_of(data.runs))
        == "PINN 2 of 2 ended before a plateau could be seen."
    )


def test_names_are_no_markup(study: Study) -> None:
    assert "[red]" in shown(compared(study("[red]", "[/]", seeds=1)))


@pytest.mark.parametrize(
    ("mean", "sd", "words"),
    [
        (442.3, 81.2, "442 ± 81"),
        (0.0791, 0.0046, "0.079 ± 0.005"),
        (1.463, 0.12, "1.46 ± 0.12"),
        (19472, 6694, "1.9e4 ± 7e3"),
        (3.14e-7, 2e-8, "3.1e-7 ± 2e-8"),
        (0.0094, 0.0006, "9.4e-3 ± 6e-4"),
        (0.9186, 0.0006, "0.9186 ± 0.0006"),
        (0.0313, 0.0017, "0.031 ± 0.002"),
        (-2e12, 3e10, "-2.00e12 ± 3e10"),
        (5.0, 0.0, "5"),
        (0.25, float("nan"), "0.25"),
        (float("nan"), float("nan"), "–"),
    ],
)
def test_plus_minus(mean: float, sd: float, words: str) -> None:
    assert plus_minus(mean, sd) == words


def test_words_of_numbers() -> None:
    assert [number(value) for value in (None, 2.0, 0.12345, 1e9)] == ["–", "2", "0.123", "1e+09"]
    assert [count(value, "run") for value in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
    assert duration(59.94) == "59.9 s"
