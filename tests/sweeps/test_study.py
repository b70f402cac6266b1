"""What a study file means, and what is said about one that means nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.plateau import PlateauRule
from pinn_core.activations import ACTIVATIONS
from pinn_core.configuration import Configuration, Record
from pinn_core.networks import Mlp
from pinn_core.objectives import Pinn, Regression
from pinn_core.optimizers import Adam
from pinn_core.problems import Heat
from pinn_core.stages import Curriculum
from pinn_core.weighting import Annealing, Fixed
from sweeps.errors import StudyError
from sweeps.search.pruners import Median, NoPruner
from sweeps.study.kept import load_sealed, sealed
from sweeps.study.study import (
    Range,
    configuration_at,
    configuration_of,
    load_study,
    study_from,
)
from sweeps.study.study_file import shipped_studies, text_of

TEXT = """\
name: small
base:
  problem: {kind: heat, interior_points: 600}
  network:
    kind: mlp
    width: 64
    activation: gelu
  phases:
    - kind: adam
      learning_rate: 1e-3
models:
  pinn:
    objective: {kind: pinn, lambda_b: 100}
    space:
      network.width: [32, 64]
      phases.0.learning_rate: {low: 1e-4, high: 1, log: true}
      objective.lambda_b: [1, 1e2]
  regression:
    objective: {kind: regression}
search: {sampler: tpe, runs: 5}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


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


MODELS = """
name: models
base:
  problem: {kind: helmholtz}
  network: {kind: mlp, width: 8, depth: 2}
  phases: [{kind: adam, steps: 5}]
models:
  plain:
    objective: {kind: pinn, lambda_b: 1, batch: 16, points: uniform}
  annealed:
    objective: {kind: pinn, lambda_b: 1, batch: 16, points: uniform}
    base: {weighting: {kind: annealing}, precision: float64}
"""


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


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("models.annealed.base.weighting.kind=anealing", "models.annealed.base.weighting.kind"),
        ("models.annealed.base.weighting.period=0", "models.annealed.base.weighting.period"),
        ("models.annealed.base.objective=3", "unknown key 'objective'"),
        ("models.annealed.base.weighting.kind=causal", "models.annealed: weighting causal needs"),
        ("models.plain.objective.lambdas={initial: 1}", "unknown condition in objective.lambdas"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    tmp_path: Path, override: str, complaint: str
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    assert complaint in refusal(file, override)


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


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("expected=[{model: plan, value: 1}]", "expected.0.model: unknown model 'plan', allowed"),
        ("expected=[{model: plain}]", "expected.0: needs one of value, above and below, times"),
        ("expected=[{model: plain, value: 1, below: 2}]", "needs one of value, above and below"),
        ("expected=[{model: plain, value: 0}]", "expected.0.value: value must be > 0"),
        ("expected=[{model: plain, valeu: 1}]", "unknown key 'valeu', allowed: above, below"),
        ("expected=[{model: plain, below: 1, spread: 1}]", "expected.0.spread: spread must be"),
        ("expected=[{model: plain, value: 1, within: 1}]", "expected.0.within: within must be > 1"),
        ("expected=[{model: plain, below: 1, above: 2}]", "above must be smaller than below"),
        ("expected=[{model: plain, below: 1, of: last}]", "found 'last', allowed: 'final', 'best'"),
        ("expected=[{model: plain, below: 1, metric: error}]", "metric: found 'error', allowed"),
        (
            "expected=[{model: plain, below: 1, where: {network.dpth: 3}}]",
            "expected.0.where.network.dpth: unknown key, allowed: network.kind",
        ),
        (
            "expected=[{model: plain, below: 1, where: {network.depth: deep}}]",
            "expected.0.where.network.depth: found 'deep', allowed: a whole number",
        ),
        (
            "expected=[{model: plain, times_below: {model: other}}]",
            "expected.0.times_below.model: unknown model 'other', allowed: plain, annealed",
        ),
        (
            "expected=[{model: plain, times_below: {model: plain, fator: 2}}]",
            "expected.0.times_below.fator: unknown key 'fator'",
        ),
        ("analysis={wrong_solution: {loss: 0.0}}", "wrong_solution.loss: loss must be > 0"),
        ("analysis={wrong_solution: {los: 1.0}}", "analysis.wrong_solution.los: unknown key"),
        ("analysis={baseline: plian}", "analysis.baseline: unknown model 'plian', allowed: plain"),
    ],
)
def test_an_expectation_that_nothing_can_meet_is_refused(
    tmp_path: Path, override: str, complaint: str
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    assert complaint in refusal(file, override)


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


def refusal(file: Path, *overrides: str) -> str:
    with pytest.raises(StudyError) as refused:
        load_study(str(file), overrides)
    assert [path.name for path in file.parent.iterdir()] == [file.name], "something was created"
    return str(refused.value)


@pytest.mark.parametrize(
    ("line", "written", "complaint"),
    [
        (1, "name: ../../etc/x", "name: found '../../etc/x', allowed: 1 to 64 letters"),
        (1, 'name: "a\\nb"', "name: found 'a\\nb', allowed"),
        (1, "name: a..b", "name: found 'a..b', allowed"),
        (1, "name: .hidden", "name: found '.hidden', allowed"),
        (1, "name: 5", "name: found 5, allowed: text"),
        (1, "nmae: small", "nmae: unknown key 'nmae', allowed: analysis, base, expected"),
        (3, "  problem: {kind: heta}", "base.problem.kind: unknown problem 'heta'"),
        (3, "  problem: heat", "base.problem: found 'heat', allowed: a mapping with a kind ("),
        (3, "  problem: {a1: 1}", "base.problem.kind: missing, allowed: "),
        (5, "    kind: [mlp]", "base.network.kind: unknown network"),
        (6, "    widht: 64", "base.network.widht: unknown key 'widht', allowed: activation, depth"),
        (6, "    width: 64.0", "base.network.width: found 64.0, allowed: a whole number"),
        (6, "    width: 0", "base.network.width: width must be >= 1, found 0"),
        (6, "    width: true", "base.network.width: found true, allowed: a whole number"),
        (7, "    activation: gleu", "base.network.activation: found 'gleu', allowed: 'tanh'"),
        (10, "      learning_rate: -1", "base.phases.0.learning_rate: learning_rate must be > 0"),
        (10, "      learning_rate: 1/3", "learning_rate: found '1/3', allowed: a number; write"),
        (10, "      learning_rate: '1e-3'", "found '1e-3', allowed: a number; write numbers with"),
        (10, "      learning_rate: .nan", "learning_rate: found '.nan', allowed: a number"),
        (12, "  pi/nn:", "models.pi/nn: found 'pi/nn', allowed: 1 to 64 letters"),
        (13, "    objective: {kind: pinn, batch: ful}", "allowed: a whole number or 'full'; did"),
        (15, "      network.width: []", "space.network.width: found an empty list"),
        (15, "      network.width: 64", "space.network.width: found 64, allowed: a list such as"),
        (15, "      network.width: [[64]]", "space.network.width.0: found [64], allowed: a number"),
        (15, "      network.width: [32, 0]", "network.width.1: width must be >= 1, found 0"),
        (15, "      network.width: [32, '64']", "network.width.1: found '64', allowed: a whole"),
        (15, "      network.width: [32, 32]", "network.width.1: 32 is listed twice"),
        (15, "      network.width: {low: 1.5, high: 9}", "low: found 1.5, allowed: a whole"),
        (15, "      network.width: {low: 9, high: 1}", "width.high: must be above low, found 1"),
        (15, "      network.width: {low: 1}", "network.width.high: missing"),
        (
            15,
            "      network.width: {low: 1, high: 9, step: .5}",
            "step: found 0.5, allowed: a whole",
        ),
        (15, "      network.width: {low: 1, high: 9, step: 0}", "step: must be > 0"),
        (15, "      network.widht: [64]", "unknown key, allowed: network.kind, network.width"),
        (
            15,
            "      netwrk: [64]",
            "unknown key, allowed: aggregation, alignment, constraints, inputs, network",
        ),
        (15, "      network: [64]", "models.pinn.space.network: unknown key"),
        (15, "      network.activation: [sin, sine]", "activation.1: found 'sine', allowed"),
        (15, "      phases.1.steps: [10]", "phases.1.steps: unknown key"),
        (20, "search: {sampler: tpe}", "search.runs: found null, allowed with tpe: a whole number"),
        (20, "search: {sampler: tpee, runs: 1}", "found 'tpee', allowed: 'grid', 'random'"),
        (20, "search: {runs: 0}", "search.runs: found 0, allowed: >= 1"),
        (20, "search: {seed: -1}", "search.seed: found -1, allowed: >= 0"),
        (20, "search: {generation: all}", "generation: found 'all', allowed: a whole number or"),
        (20, "search: {metric: loss/regresion}", "did you mean 'loss/regression'?"),
        (20, "search: {metric: time/step_seconds}", "search.metric: found 'time/step_seconds'"),
        (20, "rerun: 3", "rerun: found 3, allowed: a mapping with the keys seeds, top"),
        (20, "resources: {pack: 4.0}", "resources.pack: found 4.0, allowed: a whole number or"),
        (20, "resources: {gpus: 2}", "resources.gpus: found 2, allowed: <= 1"),
        (20, "analysis: {plateau: {curve: loss}}", "analysis.plateau.curve: found 'loss', allowed"),
        (20, "analysis: {plateau: {spans: [0]}}", "analysis.plateau.spans: spans must be >= 1"),
        (
            20,
            "analysis: {plateau: {spans: [1, a]}}",
            "plateau.spans.1: found 'a', allowed: a whole",
        ),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(
    file: Path, line: int, written: str, complaint: str
) -> None:
    lines = TEXT.splitlines()
    lines[line - 1] = written
    file.write_text("\n".join(lines) + "\n")
    found = refusal(file)
    assert found.startswith(f"{file}, line {line}: ")
    assert complaint in found


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("serch.runs=3", "serch: unknown key 'serch', allowed: analysis, base"),
        ("search.rnus=3", "search.rnus: unknown key 'rnus', allowed: direction, generation"),
        ("base.network.widht=3", "did you mean 'width'?"),
        ("base.phases=[]", "base.phases: found [], allowed: at least 1 of them"),
        ("base.phases=adam", "base.phases: found 'adam', allowed: a list"),
        ("models={}", "models: found {}, allowed: at least 1 of them"),
        ("models.pinn.objective={lambda_b: 1}", "models.pinn.objective.kind: missing"),
        ("models.pinn.space.network.depth=[0]", "network.depth.0: depth must be >= 1, found 0"),
        ("base.problem.interior_points=20000", "must be 'all' or 1 to 14400, found 20000"),
    ],
)
def test_a_bad_override_is_named_with_what_is_wrong(
    file: Path, override: str, complaint: str
) -> None:
    found = refusal(file, override)
    assert found.startswith(f"override {override!r}: ")
    assert complaint in found


def test_what_is_missing_is_named(file: Path) -> None:
    file.write_text("name: small\n")
    assert refusal(file) == f"{file}, line 1: base: missing, this key is required"


def test_a_grid_needs_values_that_can_be_counted(file: Path) -> None:
    assert "a grid needs a list of values" in refusal(file, "search={sampler: grid}")
    rates = "models.pinn.space.phases.0.learning_rate={low: 0, high: 1, step: 1e-9}"
    assert "must leave at most" in refusal(file, "search={sampler: grid}", rates)
    many = [
        f"models.pinn.space.{key}={{low: 1, high: 1000, step: 1}}"
        for key in ("network.width", "network.depth", "phases.0.learning_rate")
    ]
    assert "found a grid of 2000000000 points" in refusal(file, "search={sampler: grid}", *many)


def test_every_activation_can_be_written(file: Path) -> None:
    listed = ", ".join(ACTIVATIONS)
    study = load_study(str(file), [f"models.pinn.space.network.activation=[{listed}]"])
    assert study.models["pinn"].space["network.activation"] == tuple(ACTIVATIONS)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("network", {"kind": "mlp", "width": "64"}, "configuration: network.width: found '64'"),
        ("weighting", {"kind": "fixd"}, "configuration: weighting.kind: unknown weighting 'fixd'"),
        ("objective", {}, "configuration: objective.kind: missing"),
        ("place", "here", "configuration: place: unknown key 'place'"),
    ],
)
def test_a_worker_refuses_a_configuration_that_is_none(
    file: Path, key: str, value: object, complaint: str
) -> None:
    plain = configuration_at(load_study(str(file)), "pinn", {}).to_dict()
    with pytest.raises(StudyError, match=complaint):
        configuration_of({**plain, key: value})
    with pytest.raises(StudyError, match="configuration: problem: missing"):
        configuration_of({})


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


def test_a_pruner_is_named_as_in_optuna(file: Path) -> None:
    assert load_study(str(file)).search.pruner == NoPruner()
    median = load_study(str(file), ["search.pruner={kind: median, interval_steps: 50}"])
    assert median.search.pruner == Median(interval_steps=50)
    assert study_from(median.to_yaml(), "again") == median


@pytest.mark.parametrize(
    ("pruner", "said"),
    [
        ("{kind: medien}", r"search\.pruner\.kind: unknown pruner 'medien': .*mean 'median'"),
        ("{kind: successive_halving, min_resource: 0}", r"pruner\.min_resource: .* >= 1, found 0"),
        ("{kind: median, warmup: 3}", r"search\.pruner\.warmup: unknown key 'warmup'"),
        ("{kind: median, interval_steps: 1.5}", r"pruner\.interval_steps: .* a whole number"),
        ("{kind: median, n_warmup_steps: 1000}", r"search\.pruner: never judges: .* after 1000"),
    ],
)
def test_a_wrong_pruner_is_named(file: Path, pruner: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        load_study(str(file), [f"search.pruner={pruner}"])


@pytest.mark.parametrize(
    ("metric", "every"), [("full/error/relative_l2", 100), ("gradient/cosine", 25)]
)
def test_a_pruner_needs_its_metric_where_it_judges(file: Path, metric: str, every: int) -> None:
    chosen = [f"search.metric={metric}", "models.pinn.objective.batch=32"]
    rule = "search.pruner={kind: median, n_warmup_steps: 100, interval_steps: %d}"
    load_study(str(file), [*chosen, rule % every])
    said = rf"search\.pruner: judges at step 110, but model 'pinn' records {metric} every {every}"
    with pytest.raises(StudyError, match=said):
        load_study(str(file), [*chosen, rule % 10])
