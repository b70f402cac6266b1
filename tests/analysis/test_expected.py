"""Every verdict on an expected number, from runs whose numbers are known."""

from __future__ import annotations

from math import inf

import numpy as np
import pandas as pd
import pytest

from analysis.expected import Judged, expected_json, judge_expected
from analysis.load import StudyData
from analysis.rules import Expectation, PlateauRule, TimesBelow

RULE = PlateauRule(spans=())
ERRORS = {"M1": (0.2, 0.3, 0.4), "M2": (0.05, 0.06, 0.07)}


def study(diverged: tuple[str, ...] = (), stage: str = "rerun") -> StudyData:
    """Three seeds of two models of depth 3; the error falls to its last value, via a lower one."""
    frames, rows = {}, []
    for model, errors in ERRORS.items():
        for seed, error in enumerate(errors):
            run_id = f"{model}-{seed}"
            curve = np.full(41, 1.0)
            curve[-2:] = error / 2, error
            cosine = np.where(np.arange(41) % 5, np.nan, -0.5)
            frames[run_id] = pd.DataFrame(
                {
                    "error/relative_l2": curve,
                    "loss/regression": np.full(41, 1.0),
                    "gradient/cosine": cosine,
                },
                pd.RangeIndex(41, name="step"),
            )
            rows.append(
                {
                    "run_id": run_id,
                    "model": model,
                    "stage": stage,
                    "seed": seed,
                    "diverged_at": 7 if run_id in diverged else None,
                    "setting": "",
                    "network.depth": 3,
                    "objective.batch": "full",
                }
            )
    runs = pd.DataFrame(rows).set_index("run_id").astype({"diverged_at": "Int64"})
    return StudyData("expected", runs, [], frames.__getitem__)


def judged(data: StudyData, **said: object) -> Judged:
    (found,) = judge_expected(data, RULE, [Expectation(**{"model": "M1", **said})])  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"value": 0.194}, "reproduced"),
        ({"value": 0.149}, "not reproduced"),
        ({"value": 0.61}, "not reproduced"),
        ({"value": 0.61, "within": 2.1}, "reproduced"),
        ({"above": 0.2}, "reproduced"),
        ({"below": 0.2}, "not reproduced"),
        ({"above": 0.2, "below": 0.25}, "not reproduced"),
        ({"value": 0.194, "where": {"network.depth": 3, "objective.batch": "full"}}, "reproduced"),
        ({"value": 0.194, "where": {"network.depth": 10}}, "not run at this size"),
        ({"value": 0.194, "where": {"problem.k": None}}, "reproduced"),
        ({"model": "M2", "times_below": TimesBelow(model="M1", factor=4)}, "reproduced"),
        ({"model": "M2", "times_below": TimesBelow(model="M1", factor=6)}, "not reproduced"),
        ({"times_below": TimesBelow(model="M2")}, "not reproduced"),
        (
            {"times_below": TimesBelow(model="M2", where={"network.depth": 9})},
            "not run at this size",
        ),
        ({"value": 0.15, "of": "best", "within": 1.01}, "reproduced"),
        ({"metric": "gradient/cosine", "below": 0, "of": "inside"}, "reproduced"),
        ({"metric": "gradient/cosine", "below": 0, "of": "after"}, "not reproduced"),
        ({"metric": "loss/residual", "below": 1}, "not reproduced"),
    ],
)
def test_the_median_over_seeds_decides(said: dict[str, object], outcome: str) -> None:
    assert judged(study(), **said).outcome == outcome


def test_what_was_measured_stands_beside_the_verdict() -> None:
    found = judged(study(), value=0.2, spread=0.04)
    assert found.expectation.words() == "0.2 ± 0.04, within a factor 2"
    assert found.ratio == pytest.approx(1.5)
    ours = found.ours
    assert (ours.runs, ours.settings, ours.median) == (3, 1, pytest.approx(0.3))
    assert (ours.mean, ours.sd) == (pytest.approx(0.3), pytest.approx(0.1))
    assert expected_json([found])[0]["ours"]["median"] == ours.median
    assert (found.verdict.outcome, found.verdict.number) == ("holds", ours.median)
    assert found.verdict.p is None  # the median decides, without a test


def test_a_run_that_diverged_has_an_infinite_error() -> None:
    one = judged(study(("M1-0",)), value=0.4, within=1.01)
    assert (one.outcome, one.ours.median, one.verdict.text) == (
        "reproduced",
        0.4,
        "3 runs, 1 diverged",
    )
    most = judged(study(("M1-0", "M1-1")), value=0.4)
    assert (most.outcome, most.ours.median) == ("not reproduced", inf)
    assert expected_json([most])[0]["ours"]["median"] is None
    assert judged(study(("M1-0", "M1-1")), above=0.5).outcome == "reproduced"
    assert judged(study(("M2-0", "M2-1")), times_below=TimesBelow(model="M2")).outcome == (
        "reproduced"
    )


def test_search_runs_serve_where_there_is_no_rerun() -> None:
    assert judged(study(stage="search"), value=0.3).ours.runs == 3
    both = study()
    both.runs.loc["M1-0", "stage"] = "search"
    assert judged(both, value=0.3).ours.runs == 2


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_value_is_positive(value: float) -> None:
    with pytest.raises(ValueError, match="value must be > 0"):
        Expectation(model="M1", value=value)
