"""Studies beside each other: what is compared with what, by which method, and the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.load import StudyData
from analysis.metric import Metric
from analysis.model_runs import StudyRead
from analysis.report.studies import headline, unequal_budgets, write_studies
from analysis.rules import PlateauRule
from analysis.statistics import LENGTH
from analysis.studies import (
    Against,
    NothingInCommon,
    StudiesCompared,
    compare_studies,
    pairs_needed,
)

Study = Callable[..., StudyData]
FINAL = "final.loss/regression"


def scaled(data: StudyData, factor: float) -> StudyData:
    """The study with all its losses so many times as large."""

    def read(run_id: str) -> pd.DataFrame:
        frame = data.trajectory(run_id)
        return frame.assign(**{"loss/regression": frame["loss/regression"] * factor})

    return replace(data, read=read)


def longer(data: StudyData, by: int) -> StudyData:
    """The study whose runs have rested so many steps more, and have one setting else."""

    def read(run_id: str) -> pd.DataFrame:
        frame = data.trajectory(run_id)
        rest = frame.loc[[40] * by]
        stretched = pd.concat([frame.loc[:40], rest, frame.loc[41:]]).iloc[: len(frame)]
        return stretched.set_index(frame.index)

    return replace(data, read=read, runs=data.runs.assign(**{"network.activation": "tanh"}))


def compared(*studies: StudyData, **read: str) -> StudiesCompared:
    reads = [StudyRead(f"s{place}", data, PlateauRule()) for place, data in enumerate(studies)]
    return compare_studies(reads)


def about(found: StudiesCompared, model: str, quantity: str) -> Against:
    (test,) = [
        test for own, about, test in found.tests if (own.name, about.name) == (model, quantity)
    ]
    return test


def test_equal_studies_do_not_differ(study: Study) -> None:
    data = study("pinn", "regression", seeds=8)
    found = compared(data, data)
    assert [model.name for model in found.models] == ["pinn", "regression"]
    assert {test.outcome for _, _, test in found.tests} == {"not decided"}
    assert {test.verdict.number for _, _, test in found.tests} == {1.0}
    assert found.models[0].settings == {}
    assert found.models[0].shared == 8
    assert "none shows a difference" in headline(found)


def test_a_ratio_over_pairs_of_equal_seed(study: Study) -> None:
    data = study("pinn", seeds=8)
    test = about(compared(data, scaled(data, 2.0)), "pinn", FINAL)
    assert test.pairs == 8
    assert test.verdict.number == pytest.approx(2.0)
    assert test.verdict.interval == pytest.approx((2.0, 2.0))
    assert test.outcome == "larger"
    assert "pairs" in test.verdict.text


def test_other_seeds_or_other_networks_are_not_paired(study: Study) -> None:
    data = study("pinn", seeds=8)
    runs = data.runs
    for other in (runs.assign(seed=runs["seed"] + 100), runs.assign(**{"network.width": 32})):
        test = about(compared(data, replace(data, runs=other)), "pinn", FINAL)
        assert test.pairs == 0
        assert "Welch" in test.verdict.text


def test_too_few_pairs_to_decide_are_compared_as_samples(study: Study) -> None:
    data = study("pinn", seeds=5)
    tests = compared(data, longer(data, 60)).tests
    assert pairs_needed(len(tests)) > 5
    assert {test.pairs for _, _, test in tests} == {0}
    length = about(compared(data, longer(data, 60)), "pinn", LENGTH)
    assert length.outcome == "larger"
    assert length.verdict.number is not None
    assert length.verdict.number > 1.3


def test_a_bound_or_a_diverged_run_is_compared_by_medians(study: Study) -> None:
    data = study("pinn", seeds=6)
    short = study("pinn", seeds=6, steps=185)  # the longest plateaus are not left
    found = compared(data, short)
    assert "medians" in about(found, "pinn", LENGTH).verdict.text
    lengths = found.models[0].quantities[0]
    assert lengths.cells[0].unknown == 0
    assert 0 < lengths.cells[1].unknown < 6
    diverged = study("pinn", seeds=6, diverged_at=60)
    runs = diverged.runs.assign(seed=diverged.runs["seed"] + 10)
    found = compared(data, replace(diverged, runs=runs))
    test = about(found, "pinn", FINAL)
    assert "medians" in test.verdict.text
    (final,) = [each for each in found.models[0].quantities if each.name == FINAL]
    assert [cell.unknown for cell in final.cells] == [0, 1]


def test_p_values_are_corrected_for_all_tests(study: Study) -> None:
    data = study("pinn", "regression", seeds=8)
    found = compared(data, scaled(data, 1.5), scaled(data, 0.5))
    assert found.tested == len(found.tests) == 2 * 2 * 3
    test = found.tests[-1][-1]
    assert test.verdict.p is not None
    assert test.verdict.corrected is not None
    assert test.verdict.corrected >= test.verdict.p


def test_few_seeds_decide_nothing(study: Study) -> None:
    data = study("pinn", seeds=3)
    found = compared(data, scaled(data, 9.0))
    assert found.tested == 0
    assert "nothing is tested" in headline(found)


def test_studies_without_a_common_model_are_refused(study: Study) -> None:
    with pytest.raises(NothingInCommon, match="s0 has pinn; s1 has annealed, plain"):
        compared(study("pinn"), study("plain", "annealed"))


def test_unequal_budgets_and_other_rules_are_said(study: Study) -> None:
    data, longer_runs = study("pinn", seeds=5), study("pinn", seeds=5, steps=350)
    found = compared(data, longer_runs)
    assert list(unequal_budgets(found)) == [
        "PINN was trained for unequal numbers of steps: 300 in s0, 350 in s1."
    ]
    reads = [
        StudyRead("a", data, PlateauRule()),
        StudyRead("b", data, PlateauRule(drop=0.3), metric=Metric.read("error/relative_l2")),
    ]
    by_rule, by_metric = compare_studies(reads).notes
    assert "by that of a" in by_rule
    assert "error/relative_l2" in by_metric


def test_the_page_needs_nothing_else_and_escapes_names(study: Study, tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>"
    data = study(evil, "pinn", seeds=5)
    reads = [
        StudyRead(evil, data, PlateauRule()),
        StudyRead("b", longer(data, 60), PlateauRule()),
    ]
    found = compare_studies(reads)
    page = write_studies(found, reads, tmp_path / "new" / "page.html")
    text = page.read_text()
    assert "default-src 'none'" in text
    assert evil not in text
    assert "network.activation" in text
    assert "tanh" in text
    assert text.count("data:image/png;base64,") == 1
    assert [file.name for file in page.parent.iterdir()] == ["page.html"]
    json.dumps(found.to_json(), allow_nan=False)


def test_a_metric_with_a_level_is_compared_and_may_be_a_bound(study: Study) -> None:
    data = study("pinn", seeds=6)
    metric = Metric.read("steps_to(loss/regression, 0.01)")
    reads = [
        StudyRead("a", data, PlateauRule(), metric),
        StudyRead("b", scaled(data, 40.0), PlateauRule(), metric),
    ]
    found = compare_studies(reads)
    (quantity,) = [each for each in found.models[0].quantities if each.name == str(metric)]
    assert quantity.words == "steps_to(loss/regression, 0.01)"
    assert quantity.cells[0].unknown < quantity.cells[1].unknown
    assert "medians" in about(found, "pinn", str(metric)).verdict.text


def test_infinite_medians_are_shown(study: Study) -> None:
    data = study("pinn", seeds=5)
    runs = data.runs.assign(diverged_at=pd.array([60] * 5, dtype="Int64"))
    gone = replace(data, runs=runs, read=lambda run: data.read(run).loc[:60].reindex(range(301)))
    found = compared(data, gone)
    (final,) = [each for each in found.models[0].quantities if each.name == FINAL]
    assert final.cells[1].words.startswith("∞")
