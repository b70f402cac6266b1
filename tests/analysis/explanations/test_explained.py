"""What remedies move, what the report says, and studies without anything to explain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from analysis.explanations.explained import explain, explanations_json, leads_table
from analysis.explanations.intervention import Outcome, interventions
from analysis.figures.explanations import draw_explanations
from analysis.load import StudyData
from analysis.remedies import compare_remedies
from analysis.report import explanations, write_report
from analysis.report.asked import Asked
from analysis.rules import ExplanationsRule, PlateauRule
from benchmarks.leads import RULE, made_up
from tests.analysis.test_report import Page

SEEDS = 14
ABOUT = {
    "stage": "rerun",
    "steps": 1200,
    "diverged_at": pd.NA,
    "seconds": 1.0,
    "started": 1.7e9,
    "device": "cpu",
    "threads": 1,
    "pack_size": 2,
    "setting": "",
    "objective.kind": "pinn",
    "environment.torch": "2.13.0",
}


def earlier(frame: pd.DataFrame, steps: int) -> pd.DataFrame:
    """The same run with its plateau so many steps shorter."""
    kept = frame.drop(index=frame.index[100 : 100 + steps])
    return kept.set_axis(pd.RangeIndex(len(kept), name="step"))


def with_remedy(shorter: int = 150, moved: float = 0.0) -> StudyData:
    """A plain model, and one whose plateau is shorter and whose column `step/0` is moved."""
    plain = made_up(np.random.default_rng(0), SEEDS, 10)

    def read(run: str) -> pd.DataFrame:
        frame = plain.read(run.removeprefix("cured-"))
        frame = frame.assign(**{"probe/moved": frame["step/0"], "probe/other": frame["noise"]})
        if not run.startswith("cured-"):
            return frame
        frame = earlier(frame, shorter)
        return frame.assign(**{"probe/moved": frame["probe/moved"] + moved})

    names = list(map(str, plain.runs.index))
    runs = pd.DataFrame(
        {"model": ["plain"] * SEEDS + ["cured"] * SEEDS, "seed": [*range(SEEDS)] * 2, **ABOUT},
        pd.Index(names + [f"cured-{name}" for name in names], name="run_id"),
    )
    runs["record.probes.0.kind"] = "probe"
    return StudyData("remedied", runs, [], read)


@pytest.mark.parametrize(
    ("shorter", "moved", "direction", "outcome"),
    [
        (300, -1.0, 1, "as foretold"),
        (300, 1.0, 1, "against it"),
        (300, 1.0, 0, "both"),
        (300, 0.0, 1, "plateau alone"),
        (0, 1.0, 1, "column alone"),
        (0, 0.0, 1, "not decided"),
    ],
)
def test_what_a_remedy_moves_is_told(
    shorter: int, moved: float, direction: int, outcome: Outcome
) -> None:
    data = with_remedy(shorter, moved)
    runs = list(map(str, data.runs.index))
    remedies = compare_remedies(data, RULE, runs, "plain")
    assert remedies is not None
    (found,) = interventions(data, RULE, runs, [remedies], {"probe/moved": direction})
    assert (found.remedy, found.pairs, found.outcome) == ("cured", SEEDS, outcome)


def test_each_remedy_is_compared_with_the_model_that_the_study_names() -> None:
    data = with_remedy()
    runs = list(map(str, data.runs.index))
    rule = ExplanationsRule(columns=("fall/50",), remedies={"plain": "cured"})
    found = explain(data, RULE, runs, rule, compare_remedies(data, RULE, runs, "plain"))
    assert found is not None
    assert {one.remedy for one in found.interventions} == {"plain"}
    assert {one.plateau for one in found.interventions} == {1}


def test_the_columns_are_those_of_the_probes_unless_the_study_names_others() -> None:
    data = with_remedy()
    runs = list(map(str, data.runs.index))
    found = explain(data, RULE, runs)
    assert found is not None
    assert {one.column for one in found.leads} == {"probe/moved", "probe/other"}
    named = explain(data, RULE, runs, ExplanationsRule(columns=("fall/50",)))
    assert named is not None
    assert {(one.model, one.column) for one in named.leads} == {
        ("plain", "fall/50"),
        ("cured", "fall/50"),
    }
    assert named.foretold[0].column == RULE.curve
    assert leads_table(named).loc[("plain", "fall/50"), "outcome"] == "leads"


def test_a_curve_that_comes_too_seldom_for_the_window_leaves_nothing_to_say() -> None:
    data = with_remedy()

    def read(run: str) -> pd.DataFrame:
        frame = data.read(run)
        return frame.assign(**{RULE.curve: frame[RULE.curve].where(frame.index % 10 == 0)})

    runs = [f"{seed}" for seed in range(SEEDS)]
    found = explain(replace(data, read=read), RULE, runs, ExplanationsRule(window=50))
    assert found is not None
    assert (found.aligned, found.leads) == ((), [])
    assert "none with a whole window" in explanations.leads_in_words(found)


def test_without_a_probe_or_a_plateau_there_is_nothing_to_explain() -> None:
    data = with_remedy()
    runs = list(map(str, data.runs.index))
    without = replace(data, runs=data.runs.drop(columns="record.probes.0.kind"))
    assert explain(without, RULE, runs) is None
    never = replace(data, read=lambda run: data.read(run).assign(**{RULE.curve: 1.0}))
    assert explain(never, RULE, runs) is None
    assert leads_table(None).empty


def test_the_numbers_are_plain_data() -> None:
    data = with_remedy()
    runs = list(map(str, data.runs.index))
    found = explain(data, RULE, runs, None, compare_remedies(data, RULE, runs, "plain"))
    assert found is not None
    plain = explanations_json(found)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert {one["column"] for one in plain["leads"]} == {"probe/moved", "probe/other"}


def test_the_report_has_the_section_its_figure_and_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", ())
    columns = ("fall/50", "fall/0", "noise")
    asked = Asked(rule=RULE, baseline="plain", explanations=ExplanationsRule(columns=columns))
    page = Page(write_report(with_remedy(), tmp_path, asked))
    assert "What moves before the plateau ends" in page.text
    assert "Before the loss begins to fall change fall/50." in page.text
    assert "With the drop change fall/0." in page.text
    assert "no tie to the drop found" in page.text
    assert "cured moves" in page.text
    assert matplotlib.image.imread(tmp_path / "figures" / "explanations.png")[..., :3].std() > 0.02
    document = json.loads((tmp_path / "claims.json").read_text())
    assert document["explanations"]["leads"][0]["column"] == "fall/50"


def test_a_few_runs_are_said_to_be_too_few(tmp_path: Path) -> None:
    data = with_remedy()
    runs = [f"{seed}" for seed in range(6)]
    found = explain(data, RULE, runs)
    assert found is not None
    assert "No verdict: that takes 10 runs" in explanations.leads_in_words(found)
    assert "takes 10 seeds" in explanations.foretold_in_words(found)
    assert explanations.lead_rows(found).cells[0][2] == "too few runs: 10 are needed"
    assert draw_explanations(found, tmp_path) is not None


def test_columns_that_come_too_seldom_are_listed_with_their_cadence() -> None:
    data = with_remedy()

    def read(run: str) -> pd.DataFrame:
        frame = data.read(run)
        return frame.assign(**{"probe/other": frame["probe/other"].where(frame.index % 200 == 0)})

    found = explain(replace(data, read=read), RULE, list(map(str, data.runs.index)))
    assert found is not None
    verdicts = {cells[1]: cells[2] for cells in explanations.lead_rows(found).cells}
    assert verdicts["probe/other"] == "recorded every 200 steps, too seldom"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window": 3}, "window must be >= 20, found 3"),
        ({"columns": ("a", "a")}, "columns must differ, found a, a"),
        (
            {"remedies": {"a": "b", "b": "c"}},
            "remedies: b is a remedy itself, so a cannot be one of it",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExplanationsRule(**wrong)  # type: ignore[arg-type]


def test_the_rule_of_made_up_studies_is_the_usual_one() -> None:
    assert PlateauRule() == RULE
