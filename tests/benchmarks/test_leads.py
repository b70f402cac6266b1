"""The kept result on leads says what the report promises, and a slice of it comes out again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import leads, page
from benchmarks.leads import FUNCTIONS, UNTIED

KEPT = Path(page.__file__).parent / "results" / "leads.json"
RESULT: dict[str, Any] = json.loads(KEPT.read_text())
ROWS: list[dict[str, Any]] = RESULT["rows"]
FALSE = 0.12
"""The largest share of false verdicts among 100 studies: 5 % and three standard errors."""


def of(part: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["part"] == part]


def test_leads_are_recovered_to_half_a_cadence() -> None:
    told = [row for row in of("lead") if row["lead"] is not None]
    assert len(told) == 36
    for row in told:
        assert abs(row["estimate"] - row["lead"]) <= row["cadence"] / 2, row


def test_leads_and_lags_longer_than_the_cadence_are_told_apart_and_no_others() -> None:
    for row in of("lead"):
        if row["column"] in {"fall", "step"} and row["cadence"] == 10 and row["seeds"] == 20:
            verdict = {-50: "lags", 0: "with", 50: "leads"}[row["lead"]]
            assert row[verdict] > 0.9, row
        if row["cadence"] == 100 and row["lead"] is not None:
            assert row["leads"] + row["lags"] == 0, row


def test_nothing_leads_in_noise_nor_as_a_function_of_the_loss() -> None:
    for row in of("lead"):
        if row["column"] in UNTIED:
            assert row["tied"] <= FALSE, row
        if row["column"] in FUNCTIONS:
            assert row["leads"] + row["lags"] <= FALSE, row


def test_the_interval_of_a_concordance_covers() -> None:
    assert {row["ranks"] > 0.9 for row in of("concordance")} == {True}


@pytest.mark.slow
def test_a_slice_comes_out_again() -> None:
    measured = leads.measure(quick=True)
    assert isinstance(measured, tuple)
    rows, notes = measured
    assert [row["column"] for row in rows] == [row["column"] for row in ROWS]
    assert "3 made-up studies" in notes[0]


def test_the_section_shows_every_row() -> None:
    text = leads.section(RESULT)
    assert text.count("\n|") >= len(ROWS) + 2
    assert "nan" not in text
