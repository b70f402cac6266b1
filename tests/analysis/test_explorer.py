"""The runs in compact numbers: what a browser unpacks is what the runs had."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plotly.io.json import to_json_plotly

from analysis.effects.axes import axis_of
from analysis.effects.matters import Matters, what_matters
from analysis.effects.searched import Searched, searches
from analysis.load import StudyData
from analysis.metric import Metric
from analysis.outcomes import outcomes
from analysis.report.explorer import POINTS, explorer
from analysis.rules import PlateauRule, WrongSolutionRule

RULE = PlateauRule()


@pytest.fixture
def unpacked(study: Callable[..., StudyData]) -> tuple[StudyData, dict[str, Any]]:
    """Two models, of which one varies a key that the other does not have; one run diverged."""
    data = study("pinn", "regression", seeds=4, diverged_at=60)
    runs = data.runs
    runs["stage"] = "search"
    runs["setting"] = runs.index
    runs["network.width"] = [16, 32, 64, 16] * 2
    runs["objective.lambda_b"] = [1.0, 10.0, 1.0, 10.0, *[np.nan] * 4]
    data = replace(data, varied=["network.width", "objective.lambda_b"])
    ends = outcomes(data, WrongSolutionRule())
    searched = searches(data, RULE, ends, Metric.read("loss/regression"))
    found = [what_matters(each) for each in searched]
    made = explorer(data, RULE, found, ends)
    assert made is not None
    return data, made


def numbers(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def axis(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = (each for each in found["axes"] if each["name"] == name)
    return {**one, "values": numbers(one["values"], "<f4")}


def test_axes_are_models_keys_and_results(unpacked: tuple[StudyData, dict[str, Any]]) -> None:
    _, found = unpacked
    assert [each["name"] for each in found["axes"]] == [
        "model",
        "network.width",
        "objective.lambda_b",
        "how it ended",
        "final loss/regression",
        "the end of the plateau",
        "final error/relative_l2",
    ]
    assert axis(found, "model")["labels"] == ["PINN", "regression"]
    assert axis(found, "network.width")["labels"] == ["16", "32", "64"]
    assert found["axes"][found["across"]]["name"] == "network.width"
    assert found["axes"][found["up"]]["name"] == "final loss/regression"


def test_where_every_run_diverged_the_upward_axis_is_how_they_ended(
    study: Callable[..., StudyData],
) -> None:
    data = study("pinn", seeds=4)
    data.runs[["stage", "diverged_at"]] = ["search", 60]
    data.runs["network.width"] = [16, 32, 64, 16]
    data = replace(data, varied=["network.width"])
    ends = outcomes(data, WrongSolutionRule())
    found = searches(data, RULE, ends, Metric.read("loss/regression"))
    made = explorer(data, RULE, [what_matters(each) for each in found], ends)
    assert made is not None
    names = [each["name"] for each in made["axes"]]
    assert "final loss/regression" not in names
    assert names[made["up"]] == "how it ended"


def test_what_a_run_lacks_is_null(unpacked: tuple[StudyData, dict[str, Any]]) -> None:
    _, found = unpacked
    weights = axis(found, "objective.lambda_b")["values"]
    assert np.isnan(weights).tolist() == [False] * 4 + [True] * 4
    assert np.isnan(axis(found, "final loss/regression")["values"][0])
    assert np.isnan(axis(found, "the end of the plateau")["values"][0])


def test_a_level_that_was_never_reached_is_named_so_and_no_number(
    study: Callable[..., StudyData],
) -> None:
    data = study("pinn", seeds=4)
    data.runs["stage"] = "search"
    data.runs["setting"] = data.runs.index
    data.runs["network.width"] = [16, 32, 64, 16]
    data = replace(data, varied=["network.width"])
    ends = outcomes(data, WrongSolutionRule())
    last = [data.trajectory(run)["loss/regression"].iloc[-1] for run in data.runs.index]
    metric = Metric("steps_to", "loss/regression", sorted(last)[1])
    found = [what_matters(each) for each in searches(data, RULE, ends, metric)]
    made = explorer(data, RULE, found, ends)
    assert made is not None
    steps = axis(made, str(metric))
    assert steps["none"] == "never"
    assert np.isnan(steps["values"]).tolist() == [False, False, True, True]
    assert np.nanmax(steps["values"]) <= 300


def test_curves_keep_their_values_to_a_thousandth(
    unpacked: tuple[StudyData, dict[str, Any]],
) -> None:
    data, found = unpacked
    (curve,) = found["curves"]
    packed = numbers(curve["values"], "<u2").reshape(len(found["ids"]), POINTS)
    place = found["ids"].index(data.runs.index[3])
    last = numbers(found["last"], "<f4")[place]
    assert last == 300
    steps = np.linspace(0, last, POINTS)
    values = data.trajectory(data.runs.index[3])["loss/regression"]
    expected = np.interp(steps, values.index, values)
    share = (packed[place] - 1.0) / 65534
    decades = curve["low"] + share * (curve["high"] - curve["low"])
    assert 10**decades == pytest.approx(expected, rel=1e-3)
    assert (packed[0] == 0).sum() > POINTS / 2  # after it diverged


def test_two_thousand_runs_are_a_page_that_opens_quickly(study: Callable[..., StudyData]) -> None:
    count = 2000
    axes = [axis_of(key, pd.Series(np.geomspace(1e-4, 1e-2, count))) for key in "abcdef"]
    index = pd.Index([f"{place:016x}" for place in range(count)], name="run_id")
    axes = [replace(axis, numbers=axis.numbers.set_axis(index)) for axis in axes]
    columns = {"value": 1.0, "end": 100.0, "stays": 300.0, "last": 300.0, "regime": "left"}
    runs = pd.DataFrame(columns, index).assign(setting=index, unreached=False)
    searched = Searched("pinn", Metric.read("loss/regression"), runs, tuple(axes), 0, True)
    data = study("pinn", seeds=1)
    known = {axis.key: axis.numbers for axis in axes}
    many = pd.DataFrame({"model": "pinn", **known}, index)
    read = data.read(str(data.runs.index[0]))
    whole = replace(data, runs=many, read=lambda _: read)
    ends = pd.DataFrame({"error": 0.5}, index)
    found = Matters(searched, tuple(axes), {}, {}, None, [], [])
    assert len(to_json_plotly(explorer(whole, RULE, [found], ends))) < 1.0e6  # of 10 MB, with all


def test_without_a_search_there_is_nothing_to_explore(study: Callable[..., StudyData]) -> None:
    data = study("pinn", seeds=2)
    ends = outcomes(data, WrongSolutionRule())
    assert explorer(data, RULE, [], ends) is None
