"""The study file's meaning: one class per section, its keys explained under each field."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, model_validator

from analysis.expected import Expectation
from analysis.outcomes import WrongSolutionRule
from analysis.plateau import PlateauRule
from pinn_core.configuration import RULE, Configuration
from pinn_core.objectives import OBJECTIVES, Objective
from pinn_core.records.trajectory import CONFLICT, columns, landscape_columns
from pinn_core.training.cadences import recorded_every
from sweeps.errors import StudyError, closest, quoted
from sweeps.study.grids import check_grids
from sweeps.study.names import model_name, study_name
from sweeps.study.parts import (
    Base,
    ReadBy,
    SharedBase,
    configuration_of,
    one_of,
    read_configuration,
)
from sweeps.study.plain_yaml import Keys, dump
from sweeps.study.plugins import load_plugins_of, loaded_for, plugin_names
from sweeps.study.pruners import PRUNERS, NoPruner, Pruner
from sweeps.study.samplers import SAMPLERS
from sweeps.study.space import (
    MAX_GRID,
    Choices,
    Range,
    check_key,
    grid_size,
    grid_values,
    read_values,
    resolved,
    value_at,
    with_values,
)
from sweeps.study.study_file import StudyFile, dotted_key, read_study_file, text_of
from sweeps.study.validation import (
    Section,
    Wrong,
    first_error,
    kind_of,
    read,
    refuse_unknown_keys,
)

__all__ = [
    "Analysis",
    "Base",
    "Choices",
    "Model",
    "Range",
    "Rerun",
    "Resources",
    "Search",
    "Study",
    "configuration_at",
    "configuration_of",
    "load_study",
    "study_from",
    "study_that_began",
]


class Rerun(Section):
    """How the best configurations are repeated."""

    top: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many of the best configurations of each model."""
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 5
    """How many seeds each; they follow the search's, so that selection does not leak in."""


class Model(Section):
    """What one model is trained for and what its search varies."""

    objective: Annotated[Objective, one_of(OBJECTIVES)]
    """The loss that the model is trained on; left out: that of the study's ``base``."""
    space: dict[str, Annotated[Choices | Range, ReadBy(read_values)]] = Field({})
    """Dotted keys of the configuration, each with a list or range; empty: nothing to search."""
    base: dict[str, Any] = Field({})
    """Keys of the study's ``base`` that this model has otherwise, each a whole part."""
    rerun: Rerun | None = None
    """How this model's best are repeated; null: as the study's ``rerun`` says."""

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, value: object) -> object:
        refuse_unknown_keys(value, cls.model_fields)
        if isinstance(value, Mapping) and "objective" not in value:
            message = "missing: give this model an objective, or all models one as base.objective"
            raise Wrong(("objective",), message)
        return value


class Search(Section):
    """How the runs of each model's search are chosen."""

    sampler: Annotated[str, AfterValidator(kind_of(SAMPLERS))] = "grid"
    """Every point of a grid, or one of Optuna's samplers."""
    runs: Annotated[int, Field(ge=1, le=MAX_GRID)] | None = None
    """How many runs for each model; null: the whole grid."""
    generation: Annotated[int, Field(ge=1, le=MAX_GRID)] | Literal["async"] = 48
    """How many runs tpe draws before it learns from them; async: what is free, not reproducible."""
    metric: str = "loss/regression"
    """The trajectory column whose last value decides."""
    direction: Literal["minimize", "maximize"] = "minimize"
    """Whether a small or a large value of the metric is good."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the sampler and of every run of the search."""
    share_shape: Annotated[int, Field(ge=1, le=1024)] = 1
    """How many runs are drawn for each drawn network shape, so that they can share a pack."""
    pruner: Annotated[Pruner, one_of(PRUNERS)] = NoPruner()
    """Which runs of the search stop early by their metric: none, or one of Optuna's pruners."""

    @model_validator(mode="after")
    def _samplers_need_runs(self) -> "Search":
        if self.runs is None and not SAMPLERS[self.sampler].enumerates:
            raise Wrong(("runs",), f"found null, allowed with {self.sampler}: a whole number")
        return self


class Analysis(Section):
    """How trajectories are read; not part of a run's identity."""

    plateau: Annotated[PlateauRule, ReadBy(partial(read, PlateauRule))] = PlateauRule()
    """What counts as a plateau."""
    wrong_solution: Annotated[WrongSolutionRule, ReadBy(partial(read, WrongSolutionRule))] = (
        WrongSolutionRule()
    )
    """What counts as a low loss with a wrong solution."""
    baseline: str | None = None
    """The model that all others are compared with, as remedies; null: no such comparison."""


LEAST_SHARE = 0.01
"""Of a core or a GPU: what a pack may ask for at least."""


def _no_or_a_share(gpus: float) -> float:
    if 0 < gpus < LEAST_SHARE:
        raise ValueError(f"must be 0 or >= {LEAST_SHARE}, found {gpus:g}")
    return gpus


class Resources(Section):
    """Where and how packs run; not part of a run's identity."""

    pack: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = "auto"
    """How many runs of equal shape are trained together at most; auto: by their cost."""
    cpus: Annotated[float, Field(ge=LEAST_SHARE)] = 1.0
    """CPU cores for each pack."""
    gpus: Annotated[float, Field(ge=0, le=1), AfterValidator(_no_or_a_share)] = 0.0
    """GPUs for each pack; a fraction lets packs share one."""
    retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often a pack that lost its worker is tried again."""
    slots: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many packs may run at a time on a cluster whose nodes come when needed; null: as many as
    the nodes that are there have room for."""


class Study(Section):
    """A validated study; ``load_study`` reads it."""

    _rule: int = PrivateAttr(RULE)

    name: Annotated[str, AfterValidator(study_name)]
    """Its folder under the runs directory and its MLflow experiment."""
    plugins: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Python files beside this one, or modules, with parts of one's own."""
    base: SharedBase
    """What every run has."""
    models: Annotated[dict[Annotated[str, AfterValidator(model_name)], Model], Field(min_length=1)]
    """The models that are compared, each with a search of its own."""
    search: Search = Search()
    """How the runs of each model's search are chosen."""
    rerun: Rerun = Rerun()
    """How the best configurations are repeated."""
    analysis: Analysis = Analysis()
    """How trajectories are read."""
    expected: Annotated[
        tuple[Annotated[Expectation, ReadBy(partial(read, Expectation))], ...], Field(strict=False)
    ] = ()
    """Published numbers and thresholds that the report compares with; part of no run's identity."""
    resources: Resources = Resources()
    """Where and how packs run."""

    @model_validator(mode="before")
    @classmethod
    def _share_objective(cls, value: object) -> object:
        return _with_shared_objective(value) if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _resolve_parts(self) -> "Study":
        _check_columns(self)
        models = {name: _resolved(self, name) for name in self.models}
        _check_rungs(self)
        self._known_model(self.analysis.baseline, ("analysis", "baseline"))
        expected = [_resolved_expectation(self, *each) for each in enumerate(self.expected)]
        base = self.base.model_copy(update={"objective": None})
        parts = {"base": base, "models": models, "expected": tuple(expected)}
        return self.model_copy(update=parts)

    def _known_model(self, name: str | None, keys: Keys) -> None:
        if name is not None and name not in self.models:
            allowed = ", ".join(self.models)
            message = (
                f"unknown model {quoted(name)}, allowed: {allowed}{closest(name, self.models)}"
            )
            raise Wrong(keys, message)

    @property
    def rule(self) -> int:
        """The rule by which its runs get their names and seeds."""
        return self._rule

    def under_rule(self, rule: int) -> "Study":
        """The same study, its runs named and seeded by another rule."""
        study = self.model_copy()
        study._rule = rule
        return study

    def base_of(self, model: str) -> Base:
        """What every run of a model has."""
        own = self.models[model].base
        if not own:
            return self.base
        try:
            return Base.model_validate({**self.base.model_dump(mode="json"), **own})
        except ValidationError as error:
            wrong = first_error(error, own)
            raise Wrong(("models", model, "base", *wrong.keys), wrong.message) from None

    def to_yaml(self) -> str:
        """The study with every default, as a file that loads to an equal study."""
        return dump(self.model_dump(mode="json"))


def load_study(source: str, overrides: Sequence[str] = ()) -> Study:
    """The study in a file, or a shipped one by its name ("demo"), after dotted overrides.

    Raises ``StudyError`` naming the file and line (or the override), the key, what was found, what
    is allowed and the closest name.
    """
    return study_from(text_of(source), source, overrides)


def study_from(text: str, source: str, overrides: Sequence[str] = ()) -> Study:
    """The study that a text describes, after dotted overrides; ``source`` is said in errors."""
    file = read_study_file(text, source, overrides)
    load_plugins_of(file, source)
    return _study(file, check_grids)


def study_that_began(text: str, source: str) -> Study:
    """The study that a text describes and that was begun.

    Its problems' grids are not made, and its plugins have to be loaded: no code is run that only a
    store names.
    """
    file = read_study_file(text, source)
    try:
        loaded_for(plugin_names(file))
    except StudyError as error:
        raise StudyError(f"{source}: {error}") from None
    return _study(file, lambda _: None)


def _study(file: StudyFile, check: Callable[[Study], None]) -> Study:
    try:
        study = Study.model_validate(file.data)
        check(study)
    except ValidationError as error:
        wrong = first_error(error, file.data)
    except Wrong as error:
        wrong = error
    else:
        return study
    key = f"{dotted_key(wrong.keys)}: " if wrong.keys else ""
    raise StudyError(f"{file.place(wrong.keys)}: {key}{wrong.message}")


def _with_shared_objective(data: Mapping[str, Any]) -> dict[str, Any]:
    """A study file's values in which each model without an objective has that of ``base``."""
    base, models = data.get("base"), data.get("models")
    if not (isinstance(base, Mapping) and "objective" in base and isinstance(models, Mapping)):
        return dict(data)
    shared = {"objective": base["objective"]}
    complete = {
        name: {**shared, **model} if isinstance(model, Mapping) else model
        for name, model in models.items()
    }
    return {**data, "models": complete}


def configuration_at(study: Study, model: str, point: Mapping[str, Any]) -> Configuration:
    """The configuration of a model's run: base, objective, and ``point``'s values by dotted key."""
    plain = study.base_of(model).with_objective(study.models[model].objective).to_dict()
    return configuration_of(with_values(plain, point))


def _check_columns(study: "Study") -> None:
    """Raise ``Wrong`` unless every model records what the study selects and reads by."""
    for model in study.models:
        recorded = columns(list(study.base_of(model).problem.conditions), False)
        _check_column(study.search.metric, recorded, ("search", "metric"))
        _check_column(study.analysis.plateau.curve, recorded, ("analysis", "plateau", "curve"))
    rule = study.analysis.plateau
    if rule.scale != "absolute" and rule.curve.endswith("cosine"):
        message = f"found {rule.scale!r}, allowed with {rule.curve}, which may be < 0: 'absolute'"
        raise Wrong(("analysis", "plateau", "scale"), message)


def _check_rungs(study: "Study") -> None:
    """Raise ``Wrong`` unless the pruner finds the metric at every step at which it judges."""
    pruner, metric = study.search.pruner, study.search.metric
    keys: Keys = ("search", "pruner")
    for name, model in study.models.items():
        if pruner.kind == "none" or not model.space:
            continue
        one = study.base_of(name).with_objective(model.objective)
        rungs = pruner.rungs(one.steps)
        if not rungs:
            message = f"never judges: the runs of model {name!r} end after {one.steps} steps"
            raise Wrong(keys, message)
        every = recorded_every(one, metric)
        seen = islice(rungs, every or 1)  # if these are multiples of it, so are all that follow
        missed = next((rung for rung in seen if not every or rung % every), None)
        if missed is not None:
            often = f"every {every} steps" if every else "never"
            message = f"judges at step {missed}, but model {name!r} records {metric} {often}"
            raise Wrong(keys, f"{message}; allowed: steps at which it does")


def _check_column(name: str, recorded: Iterable[str], keys: Keys) -> None:
    """Raise ``Wrong`` unless it is a recorded column that is the same on every machine."""
    known = [each for each in recorded if not each.startswith("time/")]
    if name not in known:
        raise Wrong(
            keys, f"found {quoted(name)}, allowed: {', '.join(known)}{closest(name, known)}"
        )


def _resolved(study: "Study", name: str) -> Model:
    """The model with its space checked, value by value, and as its configurations will hold it."""
    model = study.models[name]
    try:
        plain = study.base_of(name).with_objective(model.objective).to_dict()
    except Wrong:
        raise
    except ValueError as error:
        raise Wrong(("models", name), str(error)) from None
    space: dict[str, Choices | Range] = {}
    for key, values in model.space.items():
        try:
            check_key(key, plain)
            space[key] = resolved(values, partial(_validated, plain, key))
            if SAMPLERS[study.search.sampler].enumerates:
                grid_values(space[key])
        except Wrong as error:
            raise Wrong(("models", name, "space", key, *error.keys), error.message) from None
    if SAMPLERS[study.search.sampler].enumerates and grid_size(space) > MAX_GRID:
        message = f"found a grid of {grid_size(space)} points, allowed: at most {MAX_GRID}"
        raise Wrong(("models", name, "space"), message)
    own = {key: plain[key] for key in model.base}
    return model.model_copy(update={"space": space, "base": own})


def _resolved_expectation(study: "Study", place: int, each: Expectation) -> Expectation:
    """The expectation with its models, keys and column checked, values as configurations hold them.

    A configuration that the study does not plan is fine: that number is not run at this size.
    """
    keys: Keys = ("expected", place)
    where = _resolved_where(study, each.model, each.where, keys)
    other = each.times_below
    if other is not None:
        found = _resolved_where(study, other.model, other.where, (*keys, "times_below"))
        other = replace(other, where=found)
    base = study.base_of(each.model)
    conditions = tuple(base.problem.conditions)
    recorded = columns(conditions, base.weighting.adaptive)
    if base.record.curvature_every:
        pinn = study.models[each.model].objective.kind == "pinn"
        terms = ("residual", *conditions) if pinn else ("regression",)
        recorded |= landscape_columns(terms, {"curvature"})
    if base.with_objective(study.models[each.model].objective).looks_at_conflicts:
        recorded |= CONFLICT
    _check_column(each.metric, recorded, (*keys, "metric"))
    return replace(each, where=where, times_below=other)


def _resolved_where(
    study: "Study", model: str, where: Mapping[str, Any], keys: Keys
) -> dict[str, Any]:
    study._known_model(model, (*keys, "model"))
    plain = study.base_of(model).with_objective(study.models[model].objective).to_dict()
    found = {}
    for key, value in where.items():
        try:
            check_key(key, plain)
            found[key] = _validated(plain, key, value)
        except Wrong as error:
            raise Wrong((*keys, "where", key), error.message) from None
    return found


def _validated(plain: Mapping[str, Any], key: str, value: object) -> Any:  # noqa: ANN401
    """One value as a configuration that is otherwise ``plain`` holds it; raises ``Wrong``."""
    configuration = read_configuration(with_values(plain, {key: value}))
    return value_at(configuration.to_dict(), key)
