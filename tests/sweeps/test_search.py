"""Searches: what they ask, in which order, and that nothing but values told decides it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.search.distributions import shuffled
from sweeps.search.history import NEVER
from sweeps.search.search import ModelSearch, decides_shape
from sweeps.study.plan import Run, model_points
from sweeps.study.study import Study
from tests.sweeps.samples import pinn_run, sample_study

RANGE = "models.pinn.space.phases.0.learning_rate={low: 1e-4, high: 1e-1, log: true}"
WIDTHS = "models.pinn.space.network.width=[4, 8, 16, 32]"

Value = Callable[[Run], float | None]


def steep(run: Run) -> float:
    """A final value that depends on the configuration alone."""
    return run.varied["phases.0.learning_rate"] * (1 + run.varied["objective.lambda_b"])


def always(value: float | None) -> Value:
    return lambda run: value  # noqa: ARG005


def generations(study: Study, value: Value = steep, backwards: bool = False) -> list[list[Run]]:
    """Everything a search asks, generation by generation, when runs reach these values."""
    search = ModelSearch(study, "pinn")
    asked = []
    while runs := search.ask():
        asked.append(runs)
        for run in reversed(runs) if backwards else runs:
            search.tell({run.run_id: value(run)})
    return asked


def names(asked: list[list[Run]]) -> list[str]:
    return [run.run_id for runs in asked for run in runs]


def tpe(folder: Path, *overrides: str) -> Study:
    return sample_study(folder, "search.sampler=tpe", RANGE, WIDTHS, *overrides)


def test_a_grid_is_every_point_in_plan_order(tmp_path: Path) -> None:
    study = sample_study(tmp_path)
    (runs,) = generations(study)
    assert [run.varied for run in runs] == model_points(study, "pinn")


def test_a_part_of_a_grid_grows_without_changing(tmp_path: Path) -> None:
    two = names(generations(sample_study(tmp_path, WIDTHS, "search.runs=2")))
    nine = names(generations(sample_study(tmp_path, WIDTHS, "search.runs=9")))
    assert nine[:2] == two
    assert len(set(nine)) == 9


def test_another_seed_draws_another_part(tmp_path: Path) -> None:
    study = sample_study(tmp_path, WIDTHS)
    points = model_points(study, "pinn")
    assert shuffled(points, seed=1) != shuffled(points, seed=2)
    assert sorted(map(str, shuffled(points, seed=1))) == sorted(map(str, points))


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_designs_that_do_not_learn_are_laid_out_at_once(sampler: str, tmp_path: Path) -> None:
    study = sample_study(tmp_path, f"search.sampler={sampler}", "search.runs=20", RANGE)
    (runs,) = generations(study)
    (same,) = generations(study, value=always(None))
    assert len({run.run_id for run in runs}) == 20
    assert names([runs]) == names([same])


def test_tpe_asks_in_generations(tmp_path: Path) -> None:
    asked = generations(tpe(tmp_path, "search.runs=14", "search.generation=4"))
    assert [len(runs) for runs in asked] == [4, 4, 4, 2]
    assert len(set(names(asked))) == 14


def test_tpe_depends_on_values_and_not_on_the_order_in_which_they_arrive(tmp_path: Path) -> None:
    study = tpe(tmp_path, "search.runs=24", "search.generation=12")
    assert names(generations(study)) == names(generations(study, backwards=True))
    assert names(generations(study)) != names(generations(study, value=lambda run: -steep(run)))


def test_more_runs_only_add_runs(tmp_path: Path) -> None:
    few = names(generations(tpe(tmp_path, "search.runs=14", "search.generation=6")))
    many = names(generations(tpe(tmp_path, "search.runs=30", "search.generation=6")))
    assert many[:14] == few


def test_the_order_of_keys_in_the_file_does_not_matter(tmp_path: Path) -> None:
    space = "models.pinn.space={%s}"
    keys = ["objective.lambda_b: [1, 10, 100]", "network.width: [4, 8, 16]"]
    studies = [
        sample_study(tmp_path, "search.sampler=random", "search.runs=5", space % ", ".join(order))
        for order in (keys, keys[::-1])
    ]
    first, second = (names(generations(study, value=always(None))) for study in studies)
    assert first == second


def test_runs_without_a_value_do_not_stop_a_search(tmp_path: Path) -> None:
    study = tpe(tmp_path, "search.runs=20", "search.generation=5")
    for value in (None, float("nan"), float("inf")):
        assert len(names(generations(study, value=always(value)))) == 20


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe"])
def test_a_finite_space_is_drawn_to_its_last_point_and_no_point_twice(
    sampler: str, tmp_path: Path
) -> None:
    study = sample_study(tmp_path, f"search.sampler={sampler}", "search.runs=100")
    search = ModelSearch(study, "pinn")
    asked = names(generations(study))
    assert search.total == len(asked) == len(set(asked)) == len(model_points(study, "pinn"))


def test_shapes_are_shared_by_as_many_runs_as_asked(tmp_path: Path) -> None:
    study = tpe(tmp_path, "search.runs=16", "search.share_shape=4")
    (runs,) = generations(study)
    groups = [runs[start : start + 4] for start in range(0, 16, 4)]
    assert all(len({run.configuration.shape_key() for run in group}) == 1 for group in groups)


def test_shared_shapes_end_when_a_shape_has_no_more_points(tmp_path: Path) -> None:
    study = sample_study(
        tmp_path, WIDTHS, "search.sampler=tpe", "search.runs=16", "search.share_shape=7"
    )
    asked = names(generations(study))
    assert len(set(asked)) == 16


def test_what_decides_the_shape(tmp_path: Path) -> None:
    run = pinn_run(sample_study(tmp_path))
    assert decides_shape(run, "network.width")
    assert not decides_shape(run, "phases.0.learning_rate")
    assert not decides_shape(run, "objective.lambda_b")


def test_a_generation_must_be_told_before_the_next(tmp_path: Path) -> None:
    search = ModelSearch(tpe(tmp_path, "search.runs=8", "search.generation=4"), "pinn")
    first, *rest = search.ask()
    search.tell({first.run_id: 1.0})
    assert search.waiting
    with pytest.raises(RuntimeError, match="tell the last generation"):
        search.ask()
    search.tell({run.run_id: 1.0 for run in rest})
    assert not search.waiting


def test_an_asynchronous_search_asks_a_pack_at_a_time_and_takes_runs_over(tmp_path: Path) -> None:
    study = tpe(tmp_path, "search.runs=6", "search.generation=async", "search.share_shape=2")
    search = ModelSearch(study, "pinn")
    first, second = search.ask(), search.ask()
    assert [len(first), len(second)] == [2, 2]
    search.tell({run.run_id: steep(run) for run in second})

    resumed = ModelSearch(study, "pinn")
    for run in second:
        resumed.adopt(run, steep(run))
    rest = [run for _ in range(3) for run in resumed.ask()]
    assert len(rest) == 4
    assert not {run.run_id for run in rest} & {run.run_id for run in second}


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_trials_that_are_over_take_little_memory(tmp_path: Path, sampler: str) -> None:
    """They share what they have in common; what samplers learn from is each one's own."""
    study = sample_study(tmp_path, f"search.sampler={sampler}", RANGE, "search.runs=8")
    search = ModelSearch(study, "pinn")
    while runs := search.ask():
        search.tell({run.run_id: steep(run) for run in runs})
    trials = search._optuna.get_trials(deepcopy=False)
    assert len({id(trial.distributions) for trial in trials}) == 1
    assert {trial.datetime_complete for trial in trials} == {NEVER}
    for trial in trials:
        rate, weight = trial.params["phases.0.learning_rate"], trial.params["objective.lambda_b"]
        assert trial.value == rate * (1 + weight)
