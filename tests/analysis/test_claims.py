"""Claims against studies in which they are true, false, or left open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.claims import (
    CLAIMS,
    OUR_READING,
    as_json,
    compare_readings,
    judge,
    note_on_losses,
    readings,
    write_claims,
)
from analysis.contrast import Contrast
from analysis.estimates import median
from analysis.load import StudyData
from analysis.rules import SCALES, PlateauRule
from analysis.statistics import per_run
from analysis.verdicts import Measured, Range, decide

RULE = PlateauRule(spans=())
PAIR = Contrast("pinn", "regression", is_papers=True)

# Quantity: PINN, regression; in a study that confirms all that the paper says.
AS_PUBLISHED = {
    "plateau.length": (560, 280),
    "plateau.censored": (0, 0),
    "inside.mean.update/norm": (0.060, 0.065),
    "inside.mean.update/cosine": (0.5, 0.9),
    "inside.sd.update/cosine": (0.3, 0.1),
    "inside.distance": (12, 10),
    "inside.distance_per_step": (0.02, 0.035),
    "inside.mean.gradient/cosine": (-0.05, 0.05),
    "after.mean.gradient/cosine": (0.1, 0.2),
    "inside.sd.gradient/cosine": (0.5, 0.5),
    "after.sd.gradient/cosine": (0.3, 0.3),
}


def table(seeds: int = 12, **changed: tuple[float, float]) -> pd.DataFrame:
    """Runs whose quantities spread by 2 % around those of the published study."""
    quantities = AS_PUBLISHED | changed
    around = 1 + 0.02 * np.linspace(-1, 1, seeds)
    models = [
        pd.DataFrame({name: pair[place] * around for name, pair in quantities.items()}).assign(
            model=model, seed=range(seeds)
        )
        for place, model in enumerate(("pinn", "regression"))
    ]
    return pd.concat(models, ignore_index=True)


def outcomes(runs: pd.DataFrame) -> dict[str, str]:
    return {claim: verdict.outcome for claim, verdict in judge(runs, PAIR).items()}


@pytest.fixture
def study(trajectory: Callable[..., pd.DataFrame]) -> StudyData:
    """Two seeds each of a PINN and of a regression model that rests half as long."""
    names = ["pinn0", "pinn1", "regression0", "regression1"]
    runs = pd.DataFrame(
        {
            "model": ["pinn", "pinn", "regression", "regression"],
            "seed": [0, 1, 0, 1],
            "objective.kind": ["pinn", "pinn", "regression", "regression"],
            "objective.reduction": ["mean"] * 4,
        },
        index=pd.Index(names, name="run_id"),
    )
    rests = dict(zip(names, (300, 310, 150, 155), strict=True))
    return StudyData("rest", runs, [], lambda name: trajectory(flat=rests[name], steps=600))


def test_every_claim_has_a_name_of_its_own() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)


def test_a_study_like_the_published_one_confirms_every_claim() -> None:
    assert set(outcomes(table()).values()) == {"holds"}


@pytest.mark.parametrize(
    ("quantity", "measured", "refuted"),
    [
        ("plateau.length", (280, 560), {"plateau-longer", "plateau-twice-as-long"}),
        ("plateau.length", (442, 281), {"plateau-twice-as-long"}),
        ("inside.mean.update/norm", (0.078, 0.063), {"update-length-shorter"}),
        ("inside.mean.update/norm", (0.02, 0.06), {"update-length-comparable"}),
        ("inside.mean.update/cosine", (0.9, 0.5), {"update-cosine-lower"}),
        ("inside.sd.update/cosine", (0.1, 0.3), {"update-cosine-more-variable"}),
        ("inside.distance", (9.0, 12), {"distance-larger"}),
        ("inside.distance_per_step", (0.04, 0.035), {"distance-per-step-lower"}),
        (
            "inside.mean.gradient/cosine",
            (-0.42, 0.41),
            {
                "gradient-cosine-pinn-near-zero",
                "gradient-cosine-regression-near-zero",
                "gradient-cosine-regression-rises",
            },
        ),
        (
            "after.sd.gradient/cosine",
            (0.6, 0.3),
            {"gradient-cosine-pinn-spread-falls"},
        ),
    ],
)
def test_what_was_measured_otherwise_does_not_hold(
    quantity: str, measured: tuple[float, float], refuted: set[str]
) -> None:
    found = outcomes(table(**{quantity: measured}))
    assert {claim for claim, outcome in found.items() if outcome == "does not hold"} == refuted


@pytest.mark.parametrize("seeds", [0, 1, 2, 3, 4])
def test_too_few_seeds_decide_nothing_and_say_so(seeds: int) -> None:
    assert set(outcomes(table(seeds)).values()) == {"not decidable"}


def test_a_study_of_one_model_decides_only_what_is_about_that_model() -> None:
    runs = table()
    found = judge(runs[runs["model"] == "pinn"], PAIR)
    assert found["gradient-cosine-pinn-negative"].outcome == "holds"
    assert found["plateau-longer"].outcome == "not decidable"
    assert found["plateau-longer"].text == "no ratio; runs: PINN 12, regression 0"
    assert found["gradient-cosine-regression-rises"].text == "no regression run has a value"


def test_a_quantity_that_was_not_recorded_is_not_decidable() -> None:
    runs = table().drop(columns=["inside.distance", "after.sd.gradient/cosine"])
    found = outcomes(runs)
    assert found["distance-larger"] == "not decidable"
    assert found["gradient-cosine-pinn-spread-falls"] == "not decidable"


def test_an_interval_across_the_limit_decides_nothing() -> None:
    sample = median([0.9, 1.2, 1.3, 1.4, 1.1, 1.5, 1.6, 1.2])
    (crossing,) = decide([(Range("above 1", low=1), Measured(sample, "number 1.25"))])
    assert (crossing.outcome, crossing.number) == ("not decidable", 1.25)
    assert crossing.p == crossing.corrected == pytest.approx(2 * 9 / 2**8)
    # (1.96 + 0.84)^2 / 1.81^2 times as many, 1.81 being the deviation of p = 0.070
    assert crossing.text.endswith("p = 0.07, corrected 0.07; about 20 seeds would decide")


def test_what_one_claim_would_decide_many_do_not() -> None:
    """Of nine seeds all above the limit p is 2/2^9; thirteen such are too many for it."""
    within = Range("above 0", low=0)
    measured = Measured(median(np.arange(1.0, 10)), "5")
    (alone,) = decide([(within, measured)])
    assert (alone.outcome, alone.p) == ("holds", 2 / 2**9)
    among = decide([(within, measured)] * 13)
    assert {verdict.outcome for verdict in among} == {"not decidable"}
    assert among[0].corrected == pytest.approx(13 * 2 / 2**9)
    assert "about 16 seeds would decide" in among[0].text
    untested = Measured(median([1.0, 2, 3]), "2")
    assert decide([(within, measured), *[(within, untested)] * 12])[0].outcome == "holds"


def test_five_seeds_leave_a_median_open_however_clear_it_is() -> None:
    found = judge(table(5), PAIR)
    assert found["gradient-cosine-pinn-negative"].p == 0.0625
    assert found["gradient-cosine-pinn-negative"].outcome == "not decidable"
    assert found["plateau-longer"].outcome == "holds"


def test_a_verdict_gives_the_number_its_interval_and_the_runs() -> None:
    verdict = judge(table(), PAIR)["plateau-longer"]
    assert verdict.number == pytest.approx(2.0)
    assert verdict.interval is not None
    assert verdict.interval[0] < 2.0 < verdict.interval[1]
    assert "geometric means: PINN 560, regression 280; runs: PINN 12, regression 12" in verdict.text
    assert verdict.text.endswith("claimed: above 1; p < 0.0001, corrected < 0.0001")


def test_runs_that_never_left_the_plateau_are_mentioned() -> None:
    runs = table()
    runs.loc[0, "plateau.censored"] = 1.0
    assert "plateau never left: PINN 1, regression 0" in judge(runs, PAIR)["plateau-longer"].text


def test_the_three_readings_stand_side_by_side(study: StudyData) -> None:
    runs = list(study.runs.index)
    table = readings(study, RULE, runs)
    assert list(table.index) == runs
    assert table.loc["pinn0", ["ln.start", "ln.length"]].tolist() == [29, 285]
    short = compare_readings(table, PAIR)
    assert tuple(short.index) == SCALES
    assert short.loc["ln", "pinn"] == 290
    assert short.loc["ln", "ratio"] == pytest.approx(290 / short.loc["ln", "regression"])
    # An absolute fall of 0.15 is more than all that is left of this loss: nobody ever leaves.
    assert short.loc["absolute", ["pinn.censored", "regression.censored"]].tolist() == [2, 2]
    assert short.loc["absolute", ["pinn.at_least", "regression.at_least"]].all()
    assert np.isnan(short.loc["absolute", "ratio"])


def test_readings_of_one_model_have_no_ratio(study: StudyData) -> None:
    assert compare_readings(readings(study, RULE, ["pinn0"]), PAIR)["ratio"].isna().all()


def test_mean_losses_are_said_to_be_our_reading(study: StudyData) -> None:
    assert note_on_losses(study, RULE) == OUR_READING
    study.runs.loc["pinn1", "objective.reduction"] = "sum"
    note = note_on_losses(study, RULE)
    assert note.endswith("With sums, run pinn1 was on the plateau for 295 steps and left it.")


def test_the_file_is_plain_json(study: StudyData, tmp_path: Path) -> None:
    runs = list(study.runs.index)
    write_claims(tmp_path / "claims.json", as_json(study, RULE, per_run(study, RULE, runs)))
    document: dict[str, Any] = json.loads((tmp_path / "claims.json").read_text())
    assert [claim["id"] for claim in document["claims"]] == [claim.id for claim in CLAIMS]
    assert document["rule"]["scale"] == "ln"
    assert document["runs"] == runs
    assert document["readings"][0]["scale"] == "ln"
    assert document["note"] == OUR_READING
    longer = document["claims"][0]
    assert longer["outcome"] == "not decidable"
    assert longer["number"] == pytest.approx((285 * 295 / (135 * 140)) ** 0.5)
    assert longer["interval"] is None


def test_the_file_of_a_single_run_has_nulls_and_no_nans(study: StudyData) -> None:
    document = as_json(study, RULE, per_run(study, RULE, ["pinn0"]))
    json.dumps(document, allow_nan=False)
    assert document["readings"][0]["ratio"] is None
    assert (document["claims"], document["note"]) == ([], None)
    assert (document["expected"], document["remedies"]) == ([], None)
