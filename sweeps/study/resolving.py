"""What the sections of a study file say of one another: checked, and written out in full."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from analysis.metric import FINAL
from analysis.rules import Expectation
from pinn_core.configuration import Configuration
from pinn_core.records.trajectory import COMPARED, CONFLICT, landscape_columns
from pinn_core.training.cadences import NO_LAST, recorded_columns, recorded_every
from pinn_core.training.described import described_columns
from sweeps.errors import closest, quoted
from sweeps.study.parts import configuration_with, value_under
from sweeps.study.plain_yaml import Keys
from sweeps.study.samplers import sampler_of
from sweeps.study.sections import Model, Study
from sweeps.study.space import (
    MAX_GRID,
    Choices,
    Range,
    check_key,
    grid_size,
    grid_values,
    resolved,
)
from sweeps.study.validation import Wrong

Configurations = Mapping[str, Configuration]
"""What every run of a model has, by the model's name."""


def resolved_study(study: Study) -> Study:
    """The study with every key that depends on another checked; raises ``Wrong``.

    Values of spaces and expectations are as its configurations hold them.
    """
    configurations = {model: study.configuration_of(model) for model in study.models}
    _check_columns(study, configurations.values())
    models = {name: _resolved_model(study, name, configurations[name]) for name in study.models}
    _check_rungs(study, configurations)
    if study.analysis.baseline is not None:
        _check_model(study.analysis.baseline, study.models, ("analysis", "baseline"))
    _check_varied(study)
    _check_explanations(study, configurations)
    expected = [
        _resolved_expectation(expectation, configurations, ("expected", number))
        for number, expectation in enumerate(study.expected)
    ]
    base = study.base.model_copy(update={"objective": None})
    return study.model_copy(update={"base": base, "models": models, "expected": tuple(expected)})


def _check_model(name: str, models: Iterable[str], keys: Keys) -> None:
    if name not in models:
        allowed = f"{', '.join(models)}{closest(name, models)}"
        raise Wrong(keys, f"unknown model {quoted(name)}, allowed: {allowed}")


def _check_varied(study: Study) -> None:
    """Raise ``Wrong`` unless some model varies both keys of the phase diagram."""
    keys, spaces = study.analysis.phase_diagram, [each.space for each in study.models.values()]
    if any(all(key in space for key in keys) for space in spaces):
        return
    varied = list(dict.fromkeys(key for space in spaces for key in space))
    allowed = ", ".join(varied) or "none, as no model has a space"
    raise Wrong(
        ("analysis", "phase_diagram"),
        f"found {' and '.join(map(quoted, keys))}, allowed: two that one model varies: {allowed}",
    )


def _check_columns(study: Study, configurations: Iterable[Configuration]) -> None:
    """Raise ``Wrong`` unless every model records what the study selects and reads by."""
    rule = study.analysis.plateau
    for configuration in configurations:
        _check_column(study.metric.column, configuration, ("search", "metric"))
        _check_column(rule.curve, configuration, ("analysis", "plateau", "curve"))
    if rule.scale != "absolute" and rule.curve.endswith("cosine"):
        message = f"found {rule.scale!r}, allowed with {rule.curve}, which may be < 0: 'absolute'"
        raise Wrong(("analysis", "plateau", "scale"), message)


def _check_explanations(study: Study, configurations: Configurations) -> None:
    """Raise ``Wrong`` unless some model records each column that may explain its plateaus.

    A place of a list (``layer_gradients/residual[0]``) is looked up by the list's name.
    """
    asked, keys = study.analysis.explanations, ("analysis", "explanations")
    known: dict[str, None] = {}
    wanted = [name.partition("[")[0] for name in asked.columns]
    for configuration in configurations.values() if wanted else ():
        known |= dict.fromkeys(_explaining(configuration, wanted))
    for number, name in enumerate(wanted):
        if name not in known:
            allowed = f"{', '.join(known)}{closest(name, known)}"
            message = f"found {quoted(asked.columns[number])}, allowed: {allowed}"
            raise Wrong((*keys, "columns", number), message)
    for remedy, baseline in asked.remedies.items():
        _check_model(remedy, study.models, (*keys, "remedies"))
        _check_model(baseline, study.models, (*keys, "remedies", remedy))
    steps = max(configuration.steps for configuration in configurations.values())
    if asked.window is not None and 3 * asked.window > steps:
        message = f"found {asked.window}, allowed with runs of {steps} steps: at most {steps // 3}"
        raise Wrong((*keys, "window"), message)


def _explaining(configuration: Configuration, wanted: Iterable[str]) -> list[str]:
    """What a run records; columns of probes, which take the problem's points, only if wanted."""
    known = [name for name in recorded_columns(configuration) if not name.startswith("time/")]
    if set(wanted) <= set(known):
        return known
    return [name for name in described_columns(configuration) if not name.startswith("time/")]


def check_last_row(study: Study) -> None:
    """Raise ``Wrong`` unless every model records the metric in its last row, where it decides.

    Studies of earlier programs, which did not ask for this, are read without it.
    """
    metric = study.metric
    for model in study.models:
        if metric.kind == FINAL:
            _check_last_row(metric.column, study.configuration_of(model))


def _check_last_row(metric: str, configuration: Configuration) -> None:
    if metric in NO_LAST:
        message = f"found {metric!r}, which the last row does not have: no update follows it"
        raise Wrong(("search", "metric"), f"{message}; allowed: best({metric}), another column")
    every, steps = recorded_every(configuration, metric), configuration.steps
    if every and steps % every == 0:
        return
    often = f"every {every} steps" if every else "never"
    message = (
        f"found {metric!r}, which is recorded {often}, but the runs end after {steps} steps and "
        "its last value decides; allowed: a column that is recorded then, or another cadence"
    )
    raise Wrong(("search", "metric"), message)


def _check_column(
    name: str, configuration: Configuration, keys: Keys, more: Iterable[str] = ()
) -> None:
    """Raise ``Wrong`` unless it is a recorded column that is the same on every machine."""
    recorded = (*recorded_columns(configuration), *more)
    known = [column for column in recorded if not column.startswith("time/")]
    if name not in known:
        problem = configuration.problem
        reason = (
            f", which compares with a solution that problem {problem.kind} does not know"
            if name in COMPARED
            else ""
        )
        allowed = f"{', '.join(known)}{closest(name, known)}"
        raise Wrong(keys, f"found {quoted(name)}{reason}, allowed: {allowed}")


def _check_rungs(study: Study, configurations: Configurations) -> None:
    """Raise ``Wrong`` unless the pruner finds the metric at every step at which it judges."""
    pruner, metric = study.search.pruner, study.metric.column
    keys: Keys = ("search", "pruner")
    for name, model in study.models.items():
        if pruner.kind == "none" or pruner.of_seeds or not model.space:
            continue
        configuration = configurations[name]
        rungs = pruner.rungs(configuration.steps)
        if not rungs:
            end = f"the runs of model {name!r} end after {configuration.steps} steps"
            raise Wrong(keys, f"never judges: {end}")
        every = recorded_every(configuration, metric)
        seen = islice(rungs, every or 1)  # if these are multiples of it, so are all that follow
        missed = next((rung for rung in seen if not every or rung % every), None)
        if missed is not None:
            often = f"every {every} steps" if every else "never"
            message = f"judges at step {missed}, but model {name!r} records {metric} {often}"
            raise Wrong(keys, f"{message}; allowed: steps at which it does")


def _resolved_model(study: Study, name: str, configuration: Configuration) -> Model:
    """The model with its space checked, value by value, and as its configurations will hold it."""
    model, enumerates = study.models[name], sampler_of(study.search.sampler).enumerates
    plain = configuration.to_dict()
    space: dict[str, Choices | Range] = {}
    for key, values in model.space.items():
        try:
            check_key(key, plain)
            space[key] = resolved(values, partial(_resolved_value, configuration, key))
            if enumerates:
                grid_values(space[key])
        except Wrong as error:
            raise Wrong(("models", name, "space", key, *error.keys), error.message) from None
    if enumerates and grid_size(space) > MAX_GRID:
        message = f"found a grid of {grid_size(space)} points, allowed: at most {MAX_GRID}"
        raise Wrong(("models", name, "space"), message)
    base = {key: plain[key] for key in model.base}
    return model.model_copy(update={"space": space, "base": base})


def _resolved_expectation(
    expectation: Expectation, configurations: Configurations, keys: Keys
) -> Expectation:
    """The expectation with its models, keys and column checked, values as configurations hold them.

    A configuration that the study does not plan is fine: that number is not run at this size.
    """
    where = _resolved_where(expectation.model, expectation.where, configurations, keys)
    other = expectation.times_below
    if other is not None:
        below = (*keys, "times_below")
        other_where = _resolved_where(other.model, other.where, configurations, below)
        other = replace(other, where=other_where)
    configuration = configurations[expectation.model]
    _check_column(expectation.metric, configuration, (*keys, "metric"), _diagnosed(configuration))
    return replace(expectation, where=where, times_below=other)


def _diagnosed(configuration: Configuration) -> dict[str, str]:
    """The columns of diagnostics that an expectation may speak of."""
    found = dict(CONFLICT) if configuration.looks_at_conflicts else {}
    if configuration.record.curvature_every:
        observed = [each.name for each in configuration.data]
        terms = ("residual", *configuration.problem.conditions, *observed)
        solves = configuration.objective.solves
        found |= landscape_columns(terms if solves else ("regression",), {"curvature"})
    return found


def _resolved_where(
    model: str, where: Mapping[str, Any], configurations: Configurations, keys: Keys
) -> dict[str, Any]:
    _check_model(model, configurations, (*keys, "model"))
    configuration = configurations[model]
    plain = configuration.to_dict()
    resolved_values = {}
    for key, value in where.items():
        try:
            check_key(key, plain)
            resolved_values[key] = _resolved_value(configuration, key, value)
        except Wrong as error:
            raise Wrong((*keys, "where", key), error.message) from None
    return resolved_values


def _resolved_value(configuration: Configuration, key: str, value: object) -> Any:  # noqa: ANN401
    """One value as a configuration that is otherwise the same holds it; raises ``Wrong``."""
    return value_under(configuration_with(configuration, {key: value}), key)
