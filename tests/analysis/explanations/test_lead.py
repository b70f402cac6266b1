"""Leads that were put in are found again, to the cadence, and none where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.explanations.alignment import aligned
from analysis.explanations.lead import Lead, leads_of
from analysis.load import StudyData
from benchmarks.leads import FUNCTIONS, LEADS, RULE, SHAPES, UNTIED, found_leads, made_up

SEEDS = 22
"""Of which two may be without a whole window."""


@pytest.fixture(scope="module", params=[10, 100])
def found(request: pytest.FixtureRequest) -> tuple[int, dict[str, Lead]]:
    cadence: int = request.param
    return cadence, found_leads(made_up(np.random.default_rng(0), SEEDS, cadence))


def test_leads_of_every_shape_are_recovered(found: tuple[int, dict[str, Lead]]) -> None:
    cadence, leads = found
    for shape in SHAPES:
        for true in LEADS:
            estimate = leads[f"{shape}/{true}"].estimate
            assert estimate is not None
            assert estimate.interval is not None
            assert abs(estimate.number - true) <= cadence / 2
            assert estimate.interval[0] - cadence / 2 <= true <= estimate.interval[1] + cadence / 2


def test_a_lead_counts_if_it_is_longer_than_the_cadence(
    found: tuple[int, dict[str, Lead]],
) -> None:
    cadence, leads = found
    told = {-50: "lags", 0: "with the drop", 50: "leads"}
    for true in LEADS:
        expected = told[true] if cadence < abs(true) else "with the drop"
        assert leads[f"fall/{true}"].outcome == expected
        assert leads[f"fall/{true}"].resolution == cadence


def test_what_knows_nothing_of_the_drop_is_not_tied_to_it(
    found: tuple[int, dict[str, Lead]],
) -> None:
    _, leads = found
    assert {leads[column].outcome for column in UNTIED} == {"not tied"}


def test_a_function_of_the_loss_does_not_lead(found: tuple[int, dict[str, Lead]]) -> None:
    _, leads = found
    assert {leads[column].outcome for column in FUNCTIONS} <= {
        "with the drop",
        "not beyond the loss",
    }


def study(columns: list[str], runs: int = SEEDS) -> StudyData:
    data = made_up(np.random.default_rng(3), runs, 10)
    return replace(data, read=lambda run: data.read(run)[[RULE.curve, *columns]])


def leads_in(data: StudyData, window: int | None = None) -> dict[str, Lead]:
    runs = list(map(str, data.runs.index))
    columns = [name for name in map(str, data.trajectory(runs[0])) if name != RULE.curve]
    return {one.column: one for one in leads_of([aligned(data, RULE, runs, columns, window)])}


def test_a_drop_that_all_runs_have_at_one_step_ties_nothing_to_it() -> None:
    data = study(["fall/50"])
    one = data.trajectory("0")

    def read(run: str) -> pd.DataFrame:
        noise = np.random.default_rng(int(run)).normal(size=len(one))
        return one.assign(**{"fall/50": one["fall/50"] + 0.1 * noise})

    assert leads_in(replace(data, read=read))["fall/50"].outcome == "not tied"


def test_a_few_runs_give_no_verdict() -> None:
    lead = leads_in(study(["fall/50"], runs=8))["fall/50"]
    assert (lead.outcome, lead.estimate, lead.tied) == ("too few", None, None)


def test_p_values_are_corrected_for_all_columns() -> None:
    alone = leads_in(study(["noise"]))["noise"]
    together = leads_in(study(["noise", "walk", "fixed"]))
    assert alone.tied is not None
    assert together["noise"].tied == pytest.approx(min(1, 3 * alone.tied), rel=0.5)


def test_runs_that_never_left_and_columns_that_come_too_seldom_are_named() -> None:
    data = study(["fall/50", "noise"])

    def read(run: str) -> pd.DataFrame:
        frame = data.read(run).copy()
        if run == "0":
            frame[RULE.curve] = 1.0
        frame["noise"] = frame["noise"].where(frame.index % 100 == 0)
        return frame

    of = aligned(replace(data, read=read), RULE, list(data.runs.index), ["fall/50", "noise"])
    assert (of.stayed, of.cadence, dict(of.seldom)) == (1, 10, {"noise": 100})
    assert of.columns == ("fall/50",)
    assert len(of.runs) + of.short + of.stayed == SEEDS


def test_a_window_that_no_run_has_whole_leaves_no_run() -> None:
    data = study(["fall/50"])
    of = aligned(data, RULE, list(data.runs.index), ["fall/50"], window=1000)
    assert (of.runs, of.short, leads_of([of])) == ((), SEEDS, [])


def test_gaps_and_infinities_in_a_column_do_not_move_its_lead() -> None:
    data = study(["fall/50"])

    def read(run: str) -> pd.DataFrame:
        frame = data.read(run).copy()
        frame.loc[frame.index % 70 == 0, "fall/50"] = np.inf
        frame.loc[frame.index % 110 == 0, "fall/50"] = np.nan
        return frame

    lead = leads_in(replace(data, read=read))["fall/50"]
    assert lead.outcome == "leads"
    assert lead.estimate is not None
    assert abs(lead.estimate.number - 50) <= 5
