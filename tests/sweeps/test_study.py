"""What a study file means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.rules import PlateauRule
from pinn_core.configuration import Configuration, Record
from pinn_core.curricula import Curriculum
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.networks import Mlp
from pinn_core.objectives import Pinn, Regression
from pinn_core.optimizers import Adam
from pinn_core.problems import Heat
from pinn_core.weightings import Annealing, Fixed
from sweeps.errors import StudyError
from sweeps.store.kept_study import load_sealed, sealed
from sweeps.study.plan import model_points, search_run
from sweeps.study.pruners import Median, NoPruner
from sweeps.study.space import with_values
from sweeps.study.study import (
    Range,
    Study,
    configuration_at,
    configuration_of,
    load_study,
    study_from,
)
from sweeps.study.study_file import shipped_studies, text_of
from tests.sweeps.studies import MODELS, TEXT, refusal


def test_a_study_is_its_sections_with_defaults(file: Path) -> None:
    study = load_study(str(file))
    assert study.name == "small"
    assert study.base.problem == Heat(interior_points=600)
    assert study.base.phases == (Adam(learning_rate=1e-3),)
    assert study.base.weighting == Fixed()
    assert study.base.record == Record()
    assert study.models["pinn"].objective == Pinn(lambda_b=100.0)
    assert study.models["regression"].space == {}
    assert study.search.generation == 48
    assert study.analysis.plateau == PlateauRule()
    assert study.resources.pack == "auto"


def test_the_values_of_a_space_are_those_the_configuration_will_have(file: Path) -> None:
    space = load_study(str(file)).models["pinn"].space
    assert space["network.width"] == (32, 64)
    assert space["objective.lambda_b"] == (1.0, 100.0)
    rates = space["phases.0.learning_rate"]
    assert isinstance(rates, Range)
    assert (rates.low, rates.high, rates.log, rates.step) == (1e-4, 1.0, True, None)
    choices = (rates.high, *space["objective.lambda_b"])  # type: ignore[misc]
    assert [type(number) for number in choices] == [float, float, float]


def test_a_configuration_is_base_and_objective_and_point(file: Path) -> None:
    study = load_study(str(file))
    point = {"network.width": 32, "phases.0.learning_rate": 0.01, "objective.lambda_b": 1}
    found = configuration_at(study, "pinn", point)
    assert found == Configuration(
        problem=Heat(interior_points=600),
        network=Mlp(width=32),
        objective=Pinn(lambda_b=1.0),
        phases=(Adam(learning_rate=0.01),),
    )
    assert configuration_at(study, "regression", {}).objective == Regression()
    assert configuration_of(found.to_dict()) == found


def test_a_kept_study_is_sound_or_refused(file: Path, tmp_path: Path) -> None:
    study, kept = load_study(str(file)), tmp_path / "study.yaml"
    whole = sealed(study)
    kept.write_text(whole)
    assert load_sealed(kept) == study
    lines = whole.splitlines(keepends=True)
    for cut in range(1, len(lines)):
        kept.write_text("".join(lines[:cut]))
        with pytest.raises(StudyError):
            load_sealed(kept)


def test_a_study_may_train_in_stages(tmp_path: Path) -> None:
    text = TEXT.replace(
        "kind: heat, interior_points: 600", "kind: convection, points_t: 9"
    ).replace("  phases:", "  stages: {kind: curriculum, values: [5, 10]}\n  phases:")
    text = text.replace("network.width: [32, 64]", "problem.beta: [20, 30]")
    text = text.replace("sampler: tpe, runs: 5", "sampler: grid")
    text = text.replace("{low: 1e-4, high: 1, log: true}", "[1e-3]")
    file = tmp_path / "staged.yaml"
    file.write_text(text)
    study = load_study(str(file))
    assert study.base.stages == Curriculum(coefficient="beta", values=(5.0, 10.0))
    one = configuration_at(study, "pinn", {"problem.beta": 20.0})
    assert one.steps == 3000
    assert configuration_of(one.to_dict()) == one
    again = tmp_path / "again.yaml"
    again.write_text(study.to_yaml())
    assert load_study(str(again)) == study
    file.write_text(text.replace("beta: [20, 30]", "beta: [20, 10]"))
    with pytest.raises(StudyError, match="found 10 twice"):
        load_study(str(file))
    file.write_text(text.replace("kind: curriculum, values: [5, 10]", "kind: marching, windows: 9"))
    with pytest.raises(StudyError, match="must be at most 8"):
        load_study(str(file))


def test_a_model_may_have_a_base_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    study = load_study(str(file))
    plain, annealed = (configuration_at(study, name, {}) for name in study.models)
    assert annealed == replace(plain, weighting=Annealing(), precision="float64")
    file.write_text(study.to_yaml())
    assert load_study(str(file)) == study


def test_base_may_hold_the_objective_of_all_models(tmp_path: Path) -> None:
    own = "    objective: {kind: pinn, lambda_b: 1, batch: 16, points: uniform}\n"
    base = "base:\n  objective: {kind: pinn, lambda_b: 1, batch: 16, points: uniform}\n"
    alone, shared = tmp_path / "alone.yaml", tmp_path / "shared.yaml"
    alone.write_text(MODELS)
    shared.write_text(
        MODELS.replace(f"plain:\n{own}", "plain: {}\n")
        .replace(f"annealed:\n{own}", "annealed:\n")
        .replace("base:\n", base, 1)
    )
    study = load_study(str(shared))
    assert study == load_study(str(alone))
    assert study.to_yaml() == load_study(str(alone)).to_yaml()
    replaced = load_study(str(shared), ("models.annealed.objective={kind: regression}",))
    kinds = {name: model.objective.kind for name, model in replaced.models.items()}
    assert kinds == {"plain": "pinn", "annealed": "regression"}
    weighted = load_study(str(shared), ("base.objective.lambda_b=7",))
    assert configuration_at(weighted, "annealed", {}).objective.to_dict()["lambda_b"] == 7.0


def test_a_study_may_have_a_smaller_version(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(f"{MODELS}reduced: {{base.phases.0.steps: 2, rerun.seeds: 3}}\n")
    whole, smaller = load_study(str(file)), load_study(str(file), ("reduced=true",))
    assert (whole.name, whole.base.phases[0].steps, whole.rerun.seeds) == ("models", 5, 5)
    assert (smaller.name, smaller.base.phases[0].steps) == ("models-reduced", 2)
    own = load_study(str(file), ("rerun.seeds=4", "reduced=true"))
    assert own.rerun.seeds == 4
    assert load_study(str(file), ("reduced=false",)) == whole
    assert "found 'yes', allowed: true or false" in refusal(file, "reduced=yes")
    file.write_text(f"{MODELS}reduced: {{base.phases.0.stps: 2}}\n")
    assert "models.yaml, line 13: base.phases.0.stps" in refusal(file, "reduced=true")
    file.write_text(MODELS)
    assert "has no reduced version" in refusal(file, "reduced=true")


EXPECTED = """
analysis: {baseline: plain}
expected:
  - {model: plain, value: 0.194, spread: 0.0391, where: {network.depth: 3}, source: a paper}
  - {model: annealed, metric: weight/boundary, above: 100, below: 500, of: best}
  - {model: annealed, times_below: {model: plain, where: {problem.k: 4}, factor: 4}}
"""


def test_expected_numbers_are_part_of_no_runs_identity(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    bare = load_study(str(file))
    file.write_text(MODELS + EXPECTED)
    study = load_study(str(file))
    assert [each.value for each in study.expected] == [0.194, None, None]
    assert study.analysis.baseline == "plain"
    times = study.expected[2].times_below
    assert times is not None
    assert type(times.where["problem.k"]) is float
    assert configuration_at(study, "plain", {}) == configuration_at(bare, "plain", {})
    file.write_text(study.to_yaml())
    assert load_study(str(file)) == study


def test_the_question_is_part_of_no_runs_identity(file: Path) -> None:
    point = {"network.width": 32, "phases.0.learning_rate": 1e-3, "objective.lambda_b": 1}
    study = load_study(str(file))
    asked = load_study(
        str(file),
        [
            "question=Which  width?",
            "analysis.phase_diagram=[network.width, phases.0.learning_rate]",
        ],
    )
    assert asked.question == "Which width?"
    assert asked.analysis.phase_diagram == ("network.width", "phases.0.learning_rate")
    assert search_run(asked, "pinn", point).run_id == search_run(study, "pinn", point).run_id


@pytest.mark.parametrize(
    ("search", "at_random"),
    [
        ("{sampler: random, runs: 50}", True),
        ("{sampler: tpe, runs: 50, generation: 50}", True),
        ("{sampler: tpe, runs: 50, generation: 10}", False),
        ("{sampler: tpe, runs: 5, generation: async}", False),
    ],
)
def test_draws_of_a_single_generation_know_no_value(
    file: Path, search: str, at_random: bool
) -> None:
    assert load_study(str(file), [f"search={search}"]).search.draws_at_random == at_random


def test_every_shipped_study_asks_a_question() -> None:
    assert [name for name in shipped_studies() if "\nquestion: " not in text_of(name)] == []


def test_a_resolved_study_loads_to_itself(file: Path, tmp_path: Path) -> None:
    smaller = [
        (name, ("reduced=true",)) for name in shipped_studies() if "\nreduced:" in text_of(name)
    ]
    for source, overrides in [*((name, ()) for name in (str(file), *shipped_studies())), *smaller]:
        study = load_study(source, overrides)
        assert study.name.startswith(source) or source == str(file)
        resolved = tmp_path / "study.yaml"
        resolved.write_text(study.to_yaml())
        assert load_study(str(resolved)) == study


def test_every_activation_can_be_written(file: Path) -> None:
    listed = ", ".join(ACTIVATIONS)
    study = load_study(str(file), [f"models.pinn.space.network.activation=[{listed}]"])
    assert study.models["pinn"].space["network.activation"] == tuple(ACTIVATIONS)


def test_the_shipped_studies_are_the_published_ones() -> None:
    published = {"best-pair", "demo", "plateaus", "plateaus-small", "plateaus-tpe", "remedies"}
    assert published < set(shipped_studies())
    whole, sampled = load_study("plateaus"), load_study("plateaus-tpe")
    assert (whole.base, whole.models) == (sampled.base, sampled.models)
    small = load_study("plateaus-small")
    assert small.base.problem == Heat(interior_points=1800)
    assert all(not model.space for model in small.models.values())
    demo = load_study("demo")
    assert demo.search.runs is not None
    assert demo.search.runs <= 4
    assert demo.rerun.seeds == 5


def test_the_parts_of_the_reference_study_have_the_names_of_its_runs() -> None:
    full, whole = load_study("plateaus"), load_study("plateaus-1800")
    keys = [f"models.{model}.space.network.activation=[sin]" for model in whole.models]
    part = load_study("plateaus-1800", ["name=plateaus-1800-sin", "rerun.seeds=1", *keys])

    def names(study: Study, model: str) -> set[str]:
        points = model_points(study, model)
        chosen = [one for one in points if one["network.activation"] == "sin"][::17]
        return {search_run(study, model, point).run_id for point in chosen}

    counts = {model: len(model_points(whole, model)) for model in whole.models}
    assert counts == {"pinn": 360, "pinn-batches": 1080, "regression": 540}
    for model in whole.models:
        assert names(part, model) == names(whole, model)
    assert names(whole, "regression") == names(full, "regression")
    same = model_points(whole, "pinn-batches")[::97]
    assert {search_run(whole, "pinn-batches", point).run_id for point in same} == {
        search_run(full, "pinn", point).run_id for point in same
    }


def test_a_pruner_is_named_as_in_optuna(file: Path) -> None:
    assert load_study(str(file)).search.pruner == NoPruner()
    median = load_study(str(file), ["search.pruner={kind: median, interval_steps: 50}"])
    assert median.search.pruner == Median(interval_steps=50)
    assert study_from(median.to_yaml(), "again") == median


@pytest.mark.parametrize("name", shipped_studies())
def test_other_values_are_those_of_the_whole_configuration_read_again(name: str) -> None:
    study = load_study(name)
    for model in study.models:
        base = configuration_at(study, model, {})
        points = model_points(study, model) if study.search.sampler == "grid" else [{}]
        for point in points[:: max(1, len(points) // 5)]:
            again = configuration_of(with_values(base.to_dict(), point))
            assert configuration_at(study, model, point) == again
            assert again.to_dict() == configuration_at(study, model, point).to_dict()


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"network.width": "wide"}, "configuration: network.width: found 'wide', allowed: a whole"),
        ({"phases.0.steps": 0}, "configuration: phases.0.steps: steps must be"),
        ({"precision": "float8"}, "configuration: precision: found 'float8', allowed: 'float32'"),
        ({"netwrok": 3}, "unknown key 'netwrok', allowed: .*; did you mean 'network'"),
    ],
)
def test_a_wrong_value_of_a_point_is_named(point: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        configuration_at(load_study("demo"), "pinn", point)
