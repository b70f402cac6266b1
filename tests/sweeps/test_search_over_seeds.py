"""Searches whose configurations get several seeds: waves, medians, and what is given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pinn_core.configuration import canonical_json
from sweeps.errors import StudyError
from sweeps.search.search import ModelSearch
from sweeps.search.selection import Selection
from sweeps.study.plan import Run, rerun_runs
from sweeps.study.pruners import Wilcoxon
from sweeps.study.study import Study
from tests.sweeps.samples import sample_study

Value = Callable[[Run], float | None]
WILCOXON = "search.pruner={kind: wilcoxon}"
TPE = ("search.sampler=tpe", "search.generation=2", "search.runs=4")


def rough(run: Run) -> float:
    """Better with smaller lambda_b, whatever the seed, and different for each seed."""
    return run.varied["objective.lambda_b"] + 0.1 * run.seed


def waves(
    study: Study, value: Value, backwards: bool = False
) -> tuple[ModelSearch, list[list[Run]]]:
    """Everything a search asks, wave by wave, when runs reach these values."""
    search = ModelSearch(study, "pinn")
    asked = []
    while runs := search.ask():
        asked.append(runs)
        for run in reversed(runs) if backwards else runs:
            search.tell({run.run_id: value(run)})
    return search, asked


def seeds_of(asked: list[list[Run]]) -> dict[str, int]:
    """How many seeds each configuration got."""
    runs = [run for wave in asked for run in wave]
    assert len({run.run_id for run in runs}) == len(runs)
    return Counter(canonical_json(run.varied) for run in runs)


def test_every_point_gets_its_seeds(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "search.seeds=3", "search.seed=7")
    search, (runs,) = waves(study, rough)
    assert set(seeds_of([runs]).values()) == {3}
    assert {run.seed for run in runs} == {7, 8, 9}
    assert search.total == len(runs) == 12
    assert all(run.stage == "search" for run in runs)


def test_reruns_have_seeds_that_the_search_did_not_use(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "search.seeds=3", "rerun.seeds=2")
    _, (runs,) = waves(study, rough)
    assert {run.seed for run in rerun_runs(study, "pinn", runs[:1])} == {3, 4}


def test_one_seed_gives_the_runs_that_it_always_gave(tmp_path: Path) -> None:
    _, (one,) = waves(sample_study(tmp_path), rough)
    _, (three,) = waves(sample_study(tmp_path, "search.seeds=3"), rough)
    assert [run.run_id for run in one] == [run.run_id for run in three[::3]]


def test_configurations_that_are_worse_seed_by_seed_get_no_more_seeds(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "search.seeds=10", WILCOXON)
    search, asked = waves(study, rough)
    assert [len(runs) for runs in asked] == [16, 8, 4]
    given_up = [point for point, seeds in seeds_of(asked).items() if seeds == 4]
    assert len(given_up) == 2
    assert all('"objective.lambda_b":100.0' in point for point in given_up)
    assert search.total == 28


def test_configurations_that_cannot_be_told_apart_keep_their_seeds(tmp_path: Path) -> None:
    def mixed(run: Run) -> float:
        return float((run.seed * 7 + len(canonical_json(run.varied))) % 5)

    _, asked = waves(sample_study(tmp_path, "search.seeds=6", WILCOXON), mixed)
    assert set(seeds_of(asked).values()) == {6}


def test_a_configuration_that_always_diverges_is_given_up(tmp_path: Path) -> None:
    def diverging(run: Run) -> float | None:
        return None if run.varied["objective.lambda_b"] > 50 else 1.0 + run.seed

    _, asked = waves(sample_study(tmp_path, "search.seeds=8", WILCOXON), diverging)
    assert sorted(seeds_of(asked).values()) == [4, 4, 8, 8]


@pytest.mark.parametrize("more", [(), (WILCOXON, "search.generation=4")])
def test_a_sampler_learns_from_medians_in_the_order_of_the_plan(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    study = sample_study(tmp_path, *TPE, "search.seeds=5", *more)
    search, asked = waves(study, rough)
    _, same = waves(study, rough, backwards=True)
    assert [[run.run_id for run in runs] for runs in asked] == [
        [run.run_id for run in runs] for runs in same
    ]
    told = search._optuna.trials
    by_state = Counter(one.state.name for one in told)
    assert by_state["COMPLETE"] + by_state["PRUNED"] == 4
    for one in told:
        if one.state.name == "COMPLETE":
            assert one.value == pytest.approx(one.params["objective.lambda_b"] + 0.2)
    assert (by_state["PRUNED"] > 0) == bool(more)


def test_later_generations_are_compared_with_the_best_of_earlier_ones(tmp_path: Path) -> None:
    study = sample_study(tmp_path, *TPE, "search.seeds=8", WILCOXON)
    found = ModelSearch(study, "pinn")
    first = found.ask()
    quality = {canonical_json(run.varied): 0.0 for run in first}

    def value(run: Run) -> float:
        return quality.get(canonical_json(run.varied), 50.0) + run.seed

    runs, later = first, []
    while runs:
        found.tell({run.run_id: value(run) for run in runs})
        runs = found.ask()
        later += [run for run in runs if canonical_json(run.varied) not in quality]
    assert later
    assert Counter(canonical_json(run.varied) for run in later) == Counter(
        {canonical_json(run.varied): 4 for run in later}
    )


def test_the_best_is_chosen_by_the_median_and_never_before_its_last_seed(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "search.seeds=3")
    _, (runs,) = waves(study, rough)
    lucky = [9.0, 0.0, 9.0]  # the best single run, not the best configuration
    values = {run.run_id: value for run, value in zip(runs, [*lucky, *[5.0] * 9], strict=True)}
    selection = Selection(study, 3)
    for run in runs[:5]:
        selection.offer(run, values[run.run_id])
    assert selection.chosen("pinn") == [runs[0]]
    for run in reversed(runs[5:]):
        selection.offer(run, values[run.run_id])
    (chosen,) = selection.chosen("pinn")
    assert chosen.seed == 0
    assert chosen != runs[0]
    assert selection.best("pinn") == (5.0, chosen)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("search.seeds=0",), "search.seeds"),
        (("search.seeds=4", WILCOXON), "more than 4"),
        (
            ("search.seeds=2", "search.sampler=tpe", "search.runs=4", "search.generation=async"),
            "async",
        ),
        (("search.seeds=9", "search.pruner={kind: wilcoxon, p_threshold: 2}"), "p_threshold"),
        (("search.metric=plateau/length",), r"plateau/length\(COLUMN, LEVEL\)"),
        (("search.metric=steps_to(loss/nothing, 0.1)",), "loss/nothing"),
        (("search.metric=steps_to(loss/total, 0.1)", "search.direction=maximize"), "minimize"),
        (("search.sampler=nowhere:Sampler", "search.runs=4"), "nowhere"),
        (("search.sampler=optuna.samplers:NoSuch", "search.runs=4"), "NoSuch"),
        (("search.sampler=pathlib:Path", "search.runs=4"), "Path"),
    ],
)
def test_what_makes_no_sense_is_refused(
    change: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=named):
        sample_study(tmp_path, *change)


@pytest.mark.parametrize("sampler", ["gp", "cmaes", "nsgaii", "optuna.samplers:BruteForceSampler"])
def test_further_samplers_ask_the_same_runs_again(sampler: str, tmp_path: Path) -> None:
    rates = "{low: 1e-4, high: 1e-1, log: true}" if ":" not in sampler else "[1e-4, 1e-3, 1e-2]"
    study = sample_study(
        tmp_path,
        f"search.sampler={sampler}",
        "search.runs=12",
        "search.generation=4",
        f"models.pinn.space={{phases.0.learning_rate: {rates}, network.width: [4, 8, 16, 32]}}",
    )
    rate = "phases.0.learning_rate"
    _, asked = waves(study, lambda run: run.varied[rate])
    _, again = waves(study, lambda run: run.varied[rate])
    names = [[run.run_id for runs in one for run in runs] for one in (asked, again)]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])
    assert [len(runs) for runs in asked][:2] == [4, 4]


def test_waves_double() -> None:
    assert list(Wilcoxon(first_seeds=3).waves(20)) == [3, 6, 12, 20]
    assert list(Wilcoxon().waves(3)) == [3]
