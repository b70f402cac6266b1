"""Searches that look for cheap configurations, too."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from analysis.front import with_costs
from analysis.load import from_store
from pinn_core.training.operations import parameters, update_flops
from sweeps.errors import StudyError
from sweeps.search.cost import cost_of, costs_of
from sweeps.search.search import ModelSearch
from sweeps.search.selection import Selection
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from sweeps.study.plan import Run, search_run
from sweeps.study.study import Study
from tests.sweeps.launching import launch
from tests.sweeps.samples import sample_study

WIDTHS = "models.pinn.space={network.width: [4, 8, 16, 32], phases.0.learning_rate: [1e-3, 1e-2]}"
COST = "search.cost=parameters"


def runs_of(study: Study) -> dict[tuple[int, float], Run]:
    """The runs of the space by width and rate."""
    points = [(width, rate) for width in (4, 8, 16, 32) for rate in (1e-3, 1e-2)]
    return {
        point: search_run(
            study, "pinn", {"network.width": point[0], "phases.0.learning_rate": point[1]}
        )
        for point in points
    }


def test_what_a_configuration_costs(tmp_path: Path) -> None:
    run = search_run(sample_study(tmp_path), "pinn", {})
    assert cost_of(sample_study(tmp_path), run) == ()
    assert cost_of(sample_study(tmp_path, COST), run) == (parameters(run.configuration),)
    assert cost_of(sample_study(tmp_path, "search.cost=operations"), run) == (
        update_flops(run.configuration),
    )


def test_what_no_other_one_beats_in_both_is_chosen_in_any_order(tmp_path: Path) -> None:
    study = sample_study(tmp_path, WIDTHS, COST, "rerun.top=9")
    runs = runs_of(study)
    reached = {(4, 1e-3): 4.0, (8, 1e-3): 5.0, (8, 1e-2): 3.0, (16, 1e-2): 3.0, (32, 1e-3): 1.0}
    for order in permutations(reached):
        selection = Selection(study)
        for point in order:
            selection.offer(runs[point], reached[point])
        found = [run.varied["network.width"] for run in selection.chosen("pinn")]
        assert found == [32, 8, 4]
    assert selection.best("pinn") == (1.0, runs[32, 1e-3])


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "random"])
def test_optuna_is_told_of_metric_and_cost(sampler: str, tmp_path: Path) -> None:
    study = sample_study(
        tmp_path, WIDTHS, COST, f"search.sampler={sampler}", "search.runs=6", "search.generation=3"
    )
    search = ModelSearch(study, "pinn")
    asked = []
    while runs := search.ask():
        asked += runs
        search.tell({run.run_id: 1.0 / run.varied["network.width"] for run in runs})
    told = [one.values for one in search._optuna.trials if one.state.name == "COMPLETE"]
    assert sorted(told) == sorted(
        [1.0 / run.varied["network.width"], float(parameters(run.configuration))] for run in asked
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("search.cost=money",), "operations"),
        ((COST, "search.sampler=cmaes", "search.runs=4"), "nsgaii"),
        ((COST, "search.pruner={kind: median}"), "median"),
    ],
)
def test_what_makes_no_sense_is_refused(
    change: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=named):
        sample_study(tmp_path, *change)


def test_the_report_shows_what_is_not_beaten(tmp_path: Path) -> None:
    study = sample_study(
        tmp_path, WIDTHS, COST, "base.phases.0.steps=6", "rerun.top=2", "rerun.seeds=1"
    )
    assert launch(study, tmp_path)[0] == 0
    files = StudyFolder.of(tmp_path / "runs", study.name)
    page = (files.report / "index.html").read_text()
    assert "Not beaten in both metric and cost" in page
    assert (files.report / "figures" / "front.png").is_file()
    store = Store(files.store)
    costs = costs_of(study, store.manifests())
    table = with_costs(from_store(files.store, study.name), study.metric, costs)
    front = table[table["front"]].loc["pinn"]
    reruns = [one for one in store.manifests() if (one.stage, one.model) == ("rerun", "pinn")]
    assert {one.varied["network.width"] for one in reruns} == set(front["network.width"][:2])
    assert front["cost"].is_monotonic_decreasing
    assert front["value"].is_monotonic_increasing
