"""The table of a search: what is left out, what counts as the worst, how runs end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, isnan

import numpy as np
import pandas as pd
import pytest

from analysis.effects.importance import importances
from analysis.effects.matters import matters_json, what_matters
from analysis.effects.pairs import pairs
from analysis.effects.searched import END, REGIMES, Searched, searches
from analysis.load import StudyData
from analysis.metric import Metric
from analysis.outcomes import outcomes
from analysis.report.effects import matters_in_words
from analysis.rules import PlateauRule, WrongSolutionRule
from tests.analysis.effects.conftest import STEPS, Search, partly_reached

RULE = PlateauRule()
METRIC = "loss/regression"
LOSS = Metric.read(METRIC)


@pytest.fixture
def found(study: Callable[..., StudyData]) -> list[Searched]:
    """Five search runs of a PINN, of which the first diverged and the last was stopped early."""
    data = study("pinn", "regression", seeds=5, diverged_at=60)
    runs = data.runs
    pinn = runs["model"] == "pinn"
    runs.loc[pinn, "stage"] = "search"
    runs.loc[pinn, "network.width"] = [16, 32, 64, 16, 32]
    runs["pruned_at"] = pd.array([None] * 4 + [50] + [None] * 5, dtype="Int64")
    runs["setting"] = runs.index
    data = replace(data, varied=["network.width", "network.activation"])
    ends = outcomes(data, WrongSolutionRule())
    return searches(data, RULE, ends, LOSS)


def searched_widths(study: Callable[..., StudyData]) -> StudyData:
    """A search of three networks, each of another width."""
    data = study("pinn", seeds=3)
    data.runs["stage"] = "search"
    data.runs["network.width"] = [1, 2, 3]
    data.runs["setting"] = data.runs.index
    return replace(data, varied=["network.width"])


def test_what_a_search_has(found: list[Searched]) -> None:
    (pinn,) = found
    assert (pinn.model, pinn.pruned, len(pinn.runs)) == ("pinn", 1, 4)
    assert [axis.key for axis in pinn.axes] == ["network.width"]
    assert list(pinn.runs["regime"]) == ["diverged", *["left"] * 3]
    assert pinn.runs["end"].iloc[0] == inf
    assert isnan(pinn.runs["value"].iloc[0])
    assert (pinn.runs["end"].iloc[1:] < 300).all()


def test_the_report_says_how_many_that_left_are_flat_again(found: list[Searched]) -> None:
    (pinn,) = found

    def words(*again: bool, **said: object) -> str:
        runs = pinn.runs.assign(again=[False, *again], **said)
        return matters_in_words(what_matters(replace(pinn, runs=runs)))

    assert "1 of those 3 runs is flat again at its end, converged" in words(True, False, False)
    assert "2 of those 3 runs are flat again at their end, converged" in words(True, True, False)
    assert "all 3 of these runs are flat again at their end, converged" in words(True, True, True)
    single = ["diverged", "left", "no plateau", "no plateau"]
    one = words(True, False, False, regime=single)
    assert "the one run that left it is flat again at its end, converged" in one
    assert "flat again" not in words(False, False, False)


def test_where_a_level_was_never_reached_its_score_ranks_and_is_not_shown(search: Search) -> None:
    found = partly_reached(search())
    metric, unreached = str(found.metric), found.runs["unreached"]
    ranked, shown = found.targets[metric], found.shown_targets[metric]
    assert (ranked[unreached] > STEPS).all()
    assert np.isinf(shown[unreached]).all()
    assert shown[~unreached].equals(ranked[~unreached])
    assert found.shown_targets[END].equals(found.targets[END])
    matters = what_matters(found)
    assert matters.importances[metric] == importances(found.axes, ranked)
    by_rank = [pair.interaction for pair in pairs(matters.axes, ranked)]
    assert [pair.interaction for pair in matters.pairs[metric]] == by_rank


def test_of_seeds_of_which_most_never_reached_the_level_no_number_is_shown(
    found: list[Searched],
) -> None:
    (pinn,) = found
    runs = pinn.runs.assign(
        setting="one", value=[np.nan, 120.0, 640.0, 650.0], unreached=[False, False, True, True]
    )
    one = replace(pinn, runs=runs, metric=Metric.read("steps_to(loss/regression, 1)"))
    (configuration,) = one.configurations.itertuples()
    assert configuration.value == 645.0
    assert configuration.reached == inf


def test_the_table_tells_which_runs_never_reached_the_level(
    study: Callable[..., StudyData],
) -> None:
    data = searched_widths(study)
    ends = outcomes(data, WrongSolutionRule())
    lowest = min(data.trajectory(run)[METRIC].iloc[-1] for run in data.runs.index)
    (one,) = searches(data, RULE, ends, Metric("steps_to", METRIC, lowest))
    assert list(one.runs["unreached"]) == [False, True, True]
    assert (one.runs["value"].iloc[1:] > 300).all()


def test_the_report_says_how_many_runs_the_pruner_stopped(found: list[Searched]) -> None:
    def words(pruned: int) -> str:
        return matters_in_words(what_matters(replace(found[0], pruned=pruned)))

    assert "1 run that the pruner stopped early is left out: it is not a random" in words(1)
    assert "2 runs that the pruner stopped early are left out: they are not a random" in words(2)


def test_a_run_without_a_value_is_the_worst_whatever_is_sought(found: list[Searched]) -> None:
    (pinn,) = found
    assert pinn.targets[METRIC].idxmax() == pinn.runs.index[0]
    turned = replace(pinn, metric=Metric.read(METRIC, direction="maximize"))
    assert turned.targets[METRIC].idxmax() == pinn.runs.index[0]
    assert turned.targets[METRIC].idxmin() == pinn.runs["value"].idxmax()


def test_where_no_run_left_there_is_no_end_to_look_at(search: Search) -> None:
    found = search()
    stayed = replace(found, runs=found.runs.assign(end=inf, regime="never left"))
    assert list(stayed.targets) == [METRIC]
    assert what_matters(stayed).survivals == []


def test_the_regimes_are_exclusive_and_in_order(
    study: Callable[..., StudyData],
) -> None:
    data = searched_widths(study)
    ends = outcomes(data, WrongSolutionRule()).assign(wrong=[True, False, False])
    (found,) = searches(data, RULE, ends, LOSS)
    assert list(found.runs["regime"]) == ["low loss, wrong solution", "left", "left"]
    assert set(found.runs["regime"]) <= set(REGIMES)


def test_all_that_is_said_is_plain_data(search: Search) -> None:
    document = matters_json(what_matters(search()))
    first = document["importances"][END][0]
    assert first["key"] == "phases.0.learning_rate"
    assert document["regimes"] == {"left": 64, "never left": 8, "diverged": 8}
    assert document["plateau_ends"][0]["corrected"] < 1e-3


def test_draws_that_learnt_have_no_importances_and_no_tests(search: Search) -> None:
    found = what_matters(search(draws_at_random=False))
    assert set(map(len, found.importances.values())) == {0}
    assert found.corrected == [None] * 3
    assert [axis.key for axis in found.axes] == [axis.key for axis in found.searched.axes]


def test_the_study_says_which_phases_it_wants_to_see(search: Search) -> None:
    wanted = ("network.depth", "network.activation")
    found = what_matters(search(), wanted).phases
    assert found is not None
    assert {axis.key for axis in found.axes} == set(wanted)
    assert np.allclose(found.shares[list(REGIMES)].sum(axis=1), 1)


def test_seeds_of_a_configuration_are_one_draw(search: Search) -> None:
    single = search(40)
    again = single.runs.rename(index=lambda run_id: f"{run_id}-2").assign(end=inf)
    axes = tuple(
        replace(axis, numbers=pd.concat([axis.numbers, axis.numbers.set_axis(again.index)]))
        for axis in single.axes
    )
    found = replace(single, runs=pd.concat([single.runs, again]), axes=axes)
    assert list(found.configurations.index) == list(single.runs.index)
    assert np.array_equal(found.targets[METRIC], single.targets[METRIC])
    assert END not in found.targets  # half of each never left
    alike = replace(
        found, runs=pd.concat([single.runs, again.assign(end=list(single.runs["end"]))])
    )
    one, other = what_matters(single), what_matters(alike)
    assert one.importances == other.importances
    assert [each.p for each in one.survivals] == [each.p for each in other.survivals]
