"""Which two models are compared: never by what they are called."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.comparison import comparison_table
from analysis.contrast import Contrast, contrast_of
from analysis.load import StudyData
from analysis.remedies import compare_remedies
from analysis.report import write_report
from analysis.report.asked import Asked
from analysis.rules import PlateauRule
from analysis.statistics import per_run

Study = Callable[..., StudyData]
RULE = PlateauRule()
DATA = {"fourier": "regression"}


@pytest.fixture(autouse=True)
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", ())


def claims_of(data: StudyData, folder: Path, baseline: str | None = None) -> dict[str, Any]:
    write_report(data, folder, Asked(rule=RULE, baseline=baseline))
    document: dict[str, Any] = json.loads((folder / "claims.json").read_text())
    return document


def test_a_pinn_and_a_regression_model_are_compared_whatever_they_are_called(
    study: Study, tmp_path: Path
) -> None:
    named = claims_of(study("pinn", "regression", seeds=6), tmp_path / "named")
    other = claims_of(study("mlp", "fourier", seeds=6, kinds=DATA), tmp_path / "other")
    renamed = json.dumps(other).replace("mlp", "PINN").replace("fourier", "regression")
    said = "claims", "readings", "note"
    assert len(other["claims"]) == 16
    assert json.loads(renamed)["claims"] == named["claims"]
    assert [each["ratio"] for each in other["readings"]] == [
        each["ratio"] for each in named["readings"]
    ]
    assert all(other[key] for key in said)
    page = (tmp_path / "other" / "index.html").read_text()
    assert 'The plateau of mlp lasts <span class="number">1 [' in page
    assert "Claims of Pandya, Parpas and Lengyel" in page


def test_the_baseline_is_compared_with_the_only_other_model(study: Study, tmp_path: Path) -> None:
    data = study("mlp", "fourier", seeds=6)
    document = claims_of(data, tmp_path, baseline="mlp")
    page = (tmp_path / "index.html").read_text()
    assert 'The plateau of fourier lasts <span class="number">1 [' in page
    assert "ratio of medians" in page
    assert document["claims"] == []  # which are about a PINN and a regression model
    assert document["remedies"]["baseline"] == "mlp"
    table = per_run(data, RULE, data.runs.index)
    assert comparison_table(table, contrast_of(data.runs, "mlp")).tested
    assert not comparison_table(table, contrast_of(data.runs)).tested


@pytest.mark.parametrize(
    ("kinds", "baseline", "pair"),
    [
        ({"a": "pinn", "b": "regression"}, None, ("a", "b", True)),
        ({"a": "regression", "b": "pinn"}, None, ("b", "a", True)),
        ({"a": "pinn", "b": "regression"}, "b", ("a", "b", True)),
        ({"a": "pinn", "b": "pinn", "c": "regression"}, None, None),
        ({"a": "pinn", "b": "pinn", "c": "regression"}, "b", ("b", "c", True)),
        ({"a": "pinn", "b": "pinn", "c": "regression"}, "c", None),
        ({"pinn": "pinn", "regression": "pinn"}, None, None),
        ({"a": "pinn", "b": "pinn"}, "a", ("b", "a", False)),
        ({"a": "own", "b": "pinn"}, "b", ("a", "b", False)),
        ({"a": "pinn", "b": "pinn", "c": "pinn"}, "a", None),
        ({"a": "pinn", "b": "regression"}, "not run yet", ("a", "b", True)),
        ({"a": "pinn"}, "a", None),
    ],
)
def test_the_study_or_the_objectives_say_which(
    kinds: dict[str, str], baseline: str | None, pair: tuple[str, str, bool] | None
) -> None:
    runs = pd.DataFrame({"model": [*kinds], "objective.kind": [*kinds.values()]})
    assert contrast_of(runs, baseline) == (pair and Contrast(*pair))


def test_pinns_with_sums_stand_aside_where_others_have_means() -> None:
    kinds = {"model": ["a", "b", "c"], "objective.kind": ["pinn", "pinn", "regression"]}
    runs = pd.DataFrame({**kinds, "objective.reduction": ["sum", "mean", None]})
    assert contrast_of(runs) == Contrast("b", "c", is_papers=True)
    alone = runs[runs["model"] != "b"]
    assert contrast_of(alone) == Contrast("a", "c", is_papers=True)


def test_a_reference_is_told_by_its_objective(study: Study) -> None:
    data = study("mlp", "regression", seeds=2, kinds={})
    found = compare_remedies(data, RULE, list(data.runs.index), "mlp")
    assert found is not None
    assert not found.ranked[0].reference
    trained = data.runs["model"] == "regression"
    kinds = data.runs["objective.kind"].mask(trained, "regression")
    data = replace(data, runs=data.runs.assign(**{"objective.kind": kinds}))
    found = compare_remedies(data, RULE, list(data.runs.index), "mlp")
    assert found is not None
    assert found.ranked[0].reference
