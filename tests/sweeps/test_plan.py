"""Runs and their names, grids, and how runs become packs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinn_core import Marching
from pinn_core.configuration import canonical_json, run_id
from pinn_core.optimizers import LBFGS, Adam, Soap
from pinn_core.problems import Convection
from pinn_core.training.operations import flops, step_flops
from sweeps.errors import StudyError
from sweeps.search.search import ModelSearch
from sweeps.study.plan import (
    CPU_MOST,
    Run,
    make_packs,
    model_points,
    rerun_runs,
    search_run,
)
from sweeps.study.study import Resources, Study, load_study

TEXT = """\
name: small
base:
  problem: {kind: heat, points_per_axis: 8}
  network: {kind: mlp, width: 8, depth: 2}
  phases: [{kind: adam, steps: 10, learning_rate: 1e-3}]
models:
  pinn:
    objective: {kind: pinn}
    space:
      network.width: [8, 16]
      phases.0.learning_rate: {low: 0.1, high: 0.3, step: 0.1}
      objective.lambda_b: [1, 10, 100]
  plain:
    objective: {kind: regression}
search: {seed: 7}
rerun: {seeds: 3}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    file: Path = tmp_path_factory.mktemp("study") / "small.yaml"
    file.write_text(TEXT)
    return load_study(str(file))


@pytest.fixture(scope="module")
def runs(study: Study) -> list[Run]:
    return [search_run(study, "pinn", point) for point in model_points(study, "pinn")]


def test_a_grid_has_every_point_once_in_order(study: Study) -> None:
    points = model_points(study, "pinn")
    assert len(points) == 2 * 3 * 3
    assert points[0] == {
        "network.width": 8,
        "phases.0.learning_rate": 0.1,
        "objective.lambda_b": 1.0,
    }
    assert [point["objective.lambda_b"] for point in points[:4]] == [1.0, 10.0, 100.0, 1.0]
    assert {point["phases.0.learning_rate"] for point in points} == {0.1, 0.2, 0.3}
    assert model_points(study, "plain") == [{}]


def test_a_search_run_is_named_by_what_it_is(study: Study, runs: list[Run]) -> None:
    run = runs[-1]
    assert run.run_id == run_id(run.configuration, 7)
    assert (run.study, run.model, run.stage, run.seed) == ("small", "pinn", "search", 7)
    assert run.varied == model_points(study, "pinn")[-1]
    assert run.configuration.to_dict()["network"]["width"] == 16
    assert len({run.run_id for run in runs}) == len(runs)


def test_the_way_a_number_is_written_does_not_rename_a_run(study: Study) -> None:
    whole = search_run(study, "pinn", {"objective.lambda_b": 10})
    assert whole == search_run(study, "pinn", {"objective.lambda_b": 10.0})


def test_a_point_that_no_configuration_has_is_refused(study: Study) -> None:
    with pytest.raises(StudyError, match=r"network\.width: width must be >= 1, found 0"):
        search_run(study, "pinn", {"network.width": 0})


def test_reruns_have_seeds_that_the_search_did_not_use(study: Study, runs: list[Run]) -> None:
    again = rerun_runs(study, "pinn", runs[3:5])
    assert [run.seed for run in again] == [8, 9, 10, 8, 9, 10]
    assert all(run.stage == "rerun" for run in again)
    assert [run.varied for run in again[::3]] == [run.varied for run in runs[3:5]]
    assert not {run.run_id for run in again} & {run.run_id for run in runs}


def test_without_a_space_the_one_configuration_is_run_with_the_seeds_of_the_others(
    study: Study, runs: list[Run]
) -> None:
    again = rerun_runs(study, "plain", [])
    assert [run.seed for run in again] == [run.seed for run in rerun_runs(study, "pinn", runs[:1])]
    (identity,) = {canonical_json(run.configuration.identity()) for run in again}
    assert identity == canonical_json(search_run(study, "plain", {}).configuration.identity())


def test_where_no_model_has_a_search_the_seeds_begin_with_the_first(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    study = load_study(str(file), ["models.pinn.space={}"])
    for model in study.models:
        assert [run.seed for run in rerun_runs(study, model, [])] == [7, 8, 9]


def test_by_the_first_rule_a_model_without_a_space_is_one_seed_behind(
    study: Study, runs: list[Run]
) -> None:
    old = study.under_rule(1)
    assert [run.seed for run in rerun_runs(old, "plain", [])] == [7, 8, 9]
    assert rerun_runs(old, "pinn", runs[:1]) == rerun_runs(study, "pinn", runs[:1])


def test_a_run_travels_as_json(runs: list[Run]) -> None:
    assert Run.from_dict(json.loads(json.dumps(runs[0].to_dict()))) == runs[0]


def test_a_run_that_was_tampered_with_is_refused(runs: list[Run]) -> None:
    plain = runs[0].to_dict()
    for damaged, complaint in [
        ({}, "found the keys none"),
        ({**plain, "extra": 1}, "found the keys configuration, extra"),
        ({**plain, "configuration": {}}, "problem: missing"),
        ({**plain, "configuration": runs[1].configuration.to_dict()}, runs[1].run_id),
        ({**plain, "seed": 8}, "its configuration and seed are run"),
        ({**plain, "stage": "lunch"}, "found the stage 'lunch'"),
    ]:
        with pytest.raises(StudyError, match=complaint):
            Run.from_dict(damaged)


sizes = st.integers(1, 20) | st.just("auto")


@given(picked=st.data(), pack=sizes, slots=st.integers(1, 8), gpus=st.sampled_from([0.0, 0.5]))
def test_packs_hold_every_run_once_with_equal_shapes(
    runs: list[Run], picked: st.DataObject, pack: int | str, slots: int, gpus: float
) -> None:
    chosen = picked.draw(st.lists(st.sampled_from(runs), unique_by=lambda run: run.run_id))
    resources = Resources.model_validate({"pack": pack, "gpus": gpus})
    packs = make_packs(chosen, resources, slots)
    packed = [run.run_id for pack in packs for run in pack.runs]
    assert Counter(packed) == Counter(run.run_id for run in chosen)
    assert all(len({run.configuration.shape_key() for run in p.runs}) == 1 for p in packs)
    assert [p.flops for p in packs] == sorted((p.flops for p in packs), reverse=True)
    assert len({p.pack_id for p in packs}) == len(packs)
    if pack != "auto":
        assert all(len(p.runs) <= int(pack) for p in packs)
    assert make_packs(chosen, resources, slots) == packs


def lengths(runs: list[Run], slots: int, **resources: object) -> list[int]:
    packs = make_packs(runs, Resources.model_validate(resources), slots)
    return [len(pack.runs) for pack in packs]


def test_small_networks_are_packed_but_every_slot_has_work(study: Study, runs: list[Run]) -> None:
    narrow = [run for run in runs if run.configuration.to_dict()["network"]["width"] == 8]
    assert lengths(narrow, slots=1) == [9]
    assert lengths(narrow, slots=2) == [5, 4]
    assert lengths(narrow, slots=9) == [1] * 9
    many = [run for seed in range(5) for run in rerun_runs(study, "pinn", narrow[seed : seed + 1])]
    assert max(lengths(many * 2, slots=1)) <= CPU_MOST


def test_large_networks_train_alone_on_a_cpu_and_in_powers_of_two_on_a_gpu() -> None:
    study = load_study("plateaus-small", ["rerun.seeds=11"])
    large = rerun_runs(study, "pinn", [])
    assert lengths(large, slots=1) == [1] * 11
    assert lengths(large, slots=1, gpus=1) == [8, 3]
    assert lengths(large, slots=4, gpus=0.25) == [2, 2, 2, 2, 2, 1]
    assert lengths(large, slots=1, pack=4) == [4, 4, 3]


def test_the_longest_packs_come_first(runs: list[Run]) -> None:
    packs = make_packs(runs, Resources(pack=3), slots=2)
    widths = [pack.runs[0].configuration.to_dict()["network"]["width"] for pack in packs]
    assert widths == [16, 16, 16, 8, 8, 8]


def test_the_estimate_of_a_step_is_that_of_the_arithmetic() -> None:
    study = load_study("plateaus")
    full = search_run(study, "pinn", {}).configuration
    layers = 3 * 256**2
    assert step_flops(full) == pytest.approx(layers * (24 * 14_400 + 6 * 3_176), rel=0.02)
    regression = search_run(study, "regression", {}).configuration
    assert step_flops(regression) == pytest.approx(6 * layers * 512, rel=0.02)
    small = load_study("plateaus-small")
    fixed = search_run(small, "pinn", {}).configuration
    assert step_flops(fixed) == pytest.approx(layers * (24 * 1_800 + 6 * 3_176), rel=0.02)
    batch = search_run(study, "pinn", {"objective.batch": 512}).configuration
    assert step_flops(batch) == pytest.approx(step_flops(full) * 512 / 17_576)


def test_a_problem_of_higher_order_costs_more() -> None:
    """Were the cavity's stream function taken for the cheaper one, its packs would end a study."""
    cavity = load_study("cavity")
    velocity, stream = (
        step_flops(search_run(cavity, f"{formulation}-M1", {}).configuration)
        for formulation in ("velocity", "stream")
    )
    assert velocity < stream


def test_a_model_may_have_a_rerun_of_its_own() -> None:
    study = load_study("plateaus-small")
    seeds = {name: [run.seed for run in rerun_runs(study, name, [])] for name in study.models}
    assert seeds == {"pinn": [0, 1, 2, 3, 4], "regression": [0, 1, 2, 3, 4], "pinn-sums": [0]}


def test_packs_are_cut_where_a_slot_would_wait_for_another() -> None:
    demo = load_study("demo")
    runs = [run for model in demo.models for run in ModelSearch(demo, model).ask()]
    assert lengths(runs, slots=1) == [1, 1, 1, 1, 4]
    assert lengths(runs, slots=2) == [1, 1, 1, 1, 2, 2]
    assert lengths(runs, slots=2, pack=4) == [4, 4]  # as it was asked for


def test_many_equal_runs_fill_whole_rounds() -> None:
    small = ("base.network.width=32", "base.network.depth=2", "base.problem.interior_points=600")
    study = load_study("best-pair", [*small, "rerun.seeds=200"])
    runs = rerun_runs(study, "pinn", [])
    assert lengths(runs, slots=8) == [7] * 8 + [6] * 24


def test_what_an_optimizer_does_in_a_step_is_estimated_too(runs: list[Run]) -> None:
    one = replace(runs[0].configuration, phases=(Adam(steps=100),))
    searching = replace(one, phases=(LBFGS(steps=100, history=50),))
    pairs = 100 * 8 * 50 * one.stack().size
    assert flops(searching) - flops(one) == pytest.approx(100 * 1.1 * step_flops(one) + pairs)
    assert flops(replace(one, phases=(Soap(steps=100),))) > flops(one)
    phases = (Adam(steps=50), LBFGS(steps=50, history=50))
    mean = (flops(searching) + flops(one)) / 2
    assert flops(replace(one, phases=phases)) == pytest.approx(mean)


def test_a_step_on_a_window_costs_its_part(runs: list[Run]) -> None:
    one = replace(runs[0].configuration, problem=Convection(points_x=17, points_t=17))
    marching = replace(one, stages=Marching(windows=4))
    assert step_flops(marching) < 0.4 * step_flops(one)
