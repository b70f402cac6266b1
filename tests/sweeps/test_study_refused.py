"""What is said about a study file that means nothing; nothing is created."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.study.study import configuration_at, configuration_of, load_study
from tests.sweeps.studies import MODELS, TEXT, refusal


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
        (7, "    activation: gleu", "base.network.activation: found 'gleu', allowed: 'gelu'"),
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
        (
            20,
            "search: {sampler: tpee, runs: 1}",
            "found 'tpee', allowed: 'cmaes', 'gp', 'grid', 'nsgaii'",
        ),
        (20, "search: {runs: 0}", "search.runs: found 0, allowed: >= 1"),
        (20, "search: {seed: -1}", "search.seed: found -1, allowed: >= 0"),
        (20, "search: {generation: all}", "generation: found 'all', allowed: a whole number or"),
        (20, "search: {metric: loss/regresion}", "did you mean 'loss/regression'?"),
        (20, "search: {metric: time/step_seconds}", "search.metric: found 'time/step_seconds'"),
        (20, "rerun: 3", "rerun: found 3, allowed: a mapping with the keys seeds, top"),
        (20, "resources: {pack: 4.0}", "resources.pack: found 4.0, allowed: a whole number or"),
        (20, "resources: {gpus: 2}", "resources.gpus: found 2, allowed: <= 1"),
        (20, "resources: {gpus: 1e-9}", "resources.gpus: must be 0 or >= 0.01, found 1e-09"),
        (20, "resources: {cpus: 1e-9}", "resources.cpus: found 1e-09, allowed: >= 0.01"),
        (20, "search: {generation: 1000000}", "generation: found 1000000, allowed: <= 100000"),
        (20, "analysis: {plateau: {curve: loss}}", "analysis.plateau.curve: found 'loss', allowed"),
        (
            20,
            "analysis: {plateau: {curve: gradient/cosine}}",
            "plateau.scale: found 'ln', allowed with gradient/cosine, which may be < 0: 'absolute'",
        ),
        (20, "analysis: {phase_diagram: [network.width]}", "must be two different keys of a space"),
        (20, "question: 5", "question: found 5, allowed: text"),
        (20, f"question: {'why ' * 60}", "question: must have at most 200 letters, found 239"),
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
        ("search.rnus=3", "search.rnus: unknown key 'rnus', allowed: cost, direction, generation"),
        ("base.network.widht=3", "did you mean 'width'?"),
        ("base.phases=[]", "base.phases: found [], allowed: at least 1 of them"),
        ("base.phases=adam", "base.phases: found 'adam', allowed: a list"),
        ("models={}", "models: found {}, allowed: at least 1 of them"),
        (
            "analysis.phase_diagram=[network.width, network.depth]",
            "allowed: two that one model varies: network.width, phases.0.learning_rate, obj",
        ),
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


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("models.annealed.base.weighting.kind=anealing", "models.annealed.base.weighting.kind"),
        ("models.annealed.base.weighting.period=0", "models.annealed.base.weighting.period"),
        ("models.annealed.base.objective=3", "unknown key 'objective'"),
        ("base.objective={kind: pin}", "base.objective.kind: unknown objective 'pin'"),
        ("base.objective=null", "base.objective: found null, allowed: a mapping with a kind"),
        ("base.objective={kind: pinn, lambda: 1}", "base.objective.lambda: unknown key 'lambda'"),
        (
            "models.plain={}",
            "models.plain.objective: missing: give this model an objective, or all models one as "
            "base.objective",
        ),
        ("models.plain={objektive: 1}", "models.plain.objektive: unknown key 'objektive'"),
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
        ("analysis={explanations: {window: 10}}", "explanations.window: window must be >= 20"),
        (
            "analysis={explanations: {window: 9000}}",
            "explanations.window: found 9000, allowed with runs of",
        ),
        ("analysis={explanations: {wndow: 50}}", "explanations.wndow: unknown key 'wndow'"),
        ("analysis={explanations: {columns: loss/total}}", "columns: found 'loss/total', allowed"),
        (
            "analysis={explanations: {columns: [update/nrom]}}",
            "did you mean 'update/norm'",
        ),
        (
            "analysis={explanations: {remedies: {annealed: plian}}}",
            "explanations.remedies.annealed: unknown model 'plian', allowed: plain",
        ),
        ("analysis={level: 0.1}", "analysis.level: found 0.1, allowed without a baseline: null"),
        ("analysis={baseline: plian}", "analysis.baseline: unknown model 'plian', allowed: plain"),
    ],
)
def test_an_expectation_that_nothing_can_meet_is_refused(
    tmp_path: Path, override: str, complaint: str
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    assert complaint in refusal(file, override)


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


@pytest.mark.parametrize(
    ("pruner", "said"),
    [
        ("{kind: medien}", r"search\.pruner\.kind: unknown pruner 'medien': .*mean 'median'"),
        ("{kind: successive_halving, min_resource: 0}", r"pruner\.min_resource: .* >= 1, found 0"),
        (
            "{kind: successive_halving, min_early_stopping_rate: 1000000000}",
            r"min_early_stopping_rate: .* lie in \[0, 64\], found 1000000000",
        ),
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


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "{0}"),
        ("search.metric", "{0}"),
        ("search.sampler", "{0}"),
        ("base.problem.kind", "{0}"),
        ("base.network.activation", "{0}"),
        ("base.network.{0}", "1"),
        ("base.phases.{0}", "1"),
        ("{0}", "1"),
        ("models.{0}.objective", "1"),
        ("models.pinn.space.{0}", "[1]"),
        ("models.pinn.space.network.width", "[{0}]"),
        ("models.pinn.objective.lambdas", "{{{0}: 1}}"),
        ("analysis.plateau.spans", "[0, {1}]"),
        ("analysis.baseline", "{0}"),
        ("reduced", "{0}"),
        ("name", "[[{1}]]"),
        ("name", "!{0} 1"),
        ("name", "${{{0}}}"),
    ],
)
def test_a_message_shows_little_of_what_it_found(file: Path, key: str, value: str) -> None:
    long, many = "x" * 20_000, ", ".join(["12345"] * 2_000)
    said = refusal(file, f"{key.format(long, many)}={value.format(long, many)}")
    assert "x" * 201 not in said
    assert said.count("12345") <= 120
    assert len(said) < 3_000
