"""The sections of a study file, each key explained under its field."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, model_validator

from analysis.metric import Metric
from analysis.rules import Expectation, ExplanationsRule, PlateauRule, WrongSolutionRule
from pinn_core.configuration import RULE, Configuration
from pinn_core.objectives import OBJECTIVES, Objective
from pinn_core.observations import DataError
from pinn_core.problems import PROBLEMS
from sweeps.study.names import model_name, study_name
from sweeps.study.parts import Base, ReadBy, SharedBase, one_of
from sweeps.study.plain_yaml import dump
from sweeps.study.pruners import PRUNERS, NoPruner, Pruner, SeedPruner
from sweeps.study.samplers import SAMPLERS, sampler_of
from sweeps.study.space import MAX_GRID, Choices, Range, read_values
from sweeps.study.validation import Section, Wrong, first_error, kind_of, read, refuse_unknown_keys


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


def _sampler(name: str) -> str:
    """A check of a sampler's name; raises ``Wrong``."""
    if ":" not in name:
        return kind_of(SAMPLERS)(name)
    try:
        sampler_of(name).of_optuna(0)
    except ValueError as error:
        raise Wrong((), f"{error}; allowed: a class of an installed module") from None
    return name


class Search(Section):
    """How the runs of each model's search are chosen."""

    sampler: Annotated[str, AfterValidator(_sampler)] = "grid"
    """Every point of a grid, or one of Optuna's samplers; MODULE:CLASS for one that is installed.
    """
    runs: Annotated[int, Field(ge=1, le=MAX_GRID)] | None = None
    """How many configurations for each model; null: the whole grid."""
    generation: Annotated[int, Field(ge=1, le=MAX_GRID)] | Literal["async"] = 48
    """How many of them a sampler draws before it learns from them; async: what is free, not
    reproducible."""
    metric: str = "loss/regression"
    """What decides: a trajectory column for its last value, best(COLUMN), steps_to(COLUMN, LEVEL),
    evaluations_to, seconds_to, plateau/length or plateau/end with a column and a level."""
    seeds: Annotated[int, Field(ge=1, le=1024)] = 1
    """How many runs each configuration gets; the median of the metric over them decides."""
    direction: Literal["minimize", "maximize"] = "minimize"
    """Whether a small or a large value of the metric is good."""
    cost: Literal["operations", "parameters"] | None = None
    """What else is to be small: the updates' floating point operations (an estimate) or the number
    of parameters. The best are then those that no other one beats in both."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the sampler and of every configuration's first run; the others have the next."""
    share_shape: Annotated[int, Field(ge=1, le=1024)] = 1
    """How many runs are drawn for each drawn network shape, so that they can share a pack."""
    pruner: Annotated[Pruner, one_of(PRUNERS)] = NoPruner()
    """Which runs of the search stop early by their metric: none, or one of Optuna's pruners."""

    @property
    def draws_at_random(self) -> bool:
        """Whether no run is drawn by the values of earlier ones: a single generation knows none."""
        if not sampler_of(self.sampler).learns:
            return True
        if self.generation == "async" or self.runs is None:
            return False
        return self.runs <= self.generation

    @model_validator(mode="after")
    def _agrees(self) -> "Search":
        sampler = sampler_of(self.sampler)
        if self.runs is None and not sampler.enumerates:
            raise Wrong(("runs",), f"found null, allowed with {self.sampler}: a whole number")
        if self.seeds > 1 and sampler.learns and self.generation == "async":
            raise Wrong(("seeds",), f"found {self.seeds}, allowed with generation async: 1")
        if self.cost and not sampler.takes_costs:
            takers = ", ".join(name for name in SAMPLERS.names() if SAMPLERS[name].takes_costs)
            message = f"found {self.cost!r}, allowed with the samplers {takers}"
            raise Wrong(("cost",), message)
        if self.cost and self.pruner.kind != "none":
            message = f"found {self.cost!r}, allowed with pruner {self.pruner.kind}: null"
            raise Wrong(("cost",), message)
        if isinstance(self.pruner, SeedPruner) and self.seeds <= self.pruner.waves(self.seeds)[0]:
            kind, first = self.pruner.kind, self.pruner.waves(MAX_GRID)[0]
            message = f"found {self.seeds}, allowed with pruner {kind}: more than {first}"
            raise Wrong(("seeds",), message)
        try:
            Metric.read(self.metric, direction=self.direction)
        except ValueError as error:
            raise Wrong(("metric",), str(error)) from None
        return self


def _none_or_two(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(keys)) not in (0, 2) or len(keys) > 2:
        raise ValueError(f"must be two different keys of a space, found {len(keys)}")
    return keys


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
    level: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """What the plateau's curve, smoothed, must come down to in that comparison; null: the level at
    which the baseline leaves its plateau."""
    explanations: Annotated[ExplanationsRule, ReadBy(partial(read, ExplanationsRule))] = (
        ExplanationsRule()
    )
    """Which columns are looked at for what moves before the plateau ends: those of probes."""
    phase_diagram: Annotated[
        tuple[str, ...], Field(strict=False), AfterValidator(_none_or_two)
    ] = ()
    """The two hyperparameters of the phase diagram; empty: those that matter most."""

    @model_validator(mode="after")
    def _agrees(self) -> "Analysis":
        if self.level is not None and self.baseline is None:
            raise Wrong(("level",), f"found {self.level:g}, allowed without a baseline: null")
        return self


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
    price: Annotated[float, Field(ge=0)] | None = None
    """What an hour of all machines together costs, in any currency; null: not known."""


LONGEST_QUESTION = 200
"""Letters, so that it is still a title."""


def _one_line(question: str) -> str:
    words = " ".join(question.split())
    if len(words) > LONGEST_QUESTION:
        raise ValueError(f"must have at most {LONGEST_QUESTION} letters, found {len(words)}")
    return words


class Study(Section):
    """A validated study; ``load_study`` reads it."""

    _rule: int = PrivateAttr(RULE)

    name: Annotated[str, AfterValidator(study_name)]
    """Its folder under the runs directory and its MLflow experiment."""
    question: Annotated[str, AfterValidator(_one_line)] = ""
    """What the study is to find out, the title of its report; part of no run's identity."""
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
    def _fill_in(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return _with_curve(_with_shared_objective(value))

    @property
    def rule(self) -> int:
        """The rule by which its runs get their names and seeds."""
        return self._rule

    def under_rule(self, rule: int) -> "Study":
        """The same study, its runs named and seeded by another rule."""
        study = self.model_copy()
        study._rule = rule
        return study

    @property
    def metric(self) -> Metric:
        """What the search goes by."""
        return Metric.read(self.search.metric, self.analysis.plateau, self.search.direction)

    def configuration_of(self, model: str) -> Configuration:
        """What every run of a model has, before its search varies it; raises ``Wrong``."""
        base = self._base_of(model)
        try:
            return base.with_objective(self.models[model].objective)
        except DataError as error:
            own = ("models", model) if "data" in self.models[model].base else ()
            raise Wrong((*own, "base", "data"), str(error)) from None
        except ValueError as error:
            raise Wrong(("models", model), str(error)) from None

    def _base_of(self, model: str) -> Base:
        changed = self.models[model].base
        if not changed:
            return self.base
        try:
            base: Base = Base.model_validate({**self.base.model_dump(mode="json"), **changed})
        except ValidationError as error:
            wrong = first_error(error, changed)
            raise Wrong(("models", model, "base", *wrong.keys), wrong.message) from None
        return base

    def to_yaml(self) -> str:
        """The study with every default, as a file that loads to an equal study."""
        return dump(self.model_dump(mode="json"))


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


def _with_curve(data: Mapping[str, Any]) -> dict[str, Any]:
    """A study file's values in which a problem without a reference has its plateaus in loss/total.

    That is what is optimised, and the curve where the file names none.
    """
    analysis = data.get("analysis", {})
    plateau = analysis.get("plateau", {}) if isinstance(analysis, Mapping) else None
    if not isinstance(plateau, Mapping) or "curve" in plateau or not _lacks_reference(data):
        return dict(data)
    return {**data, "analysis": {**analysis, "plateau": {**plateau, "curve": "loss/total"}}}


def _lacks_reference(data: Mapping[str, Any]) -> bool:
    """Whether any problem that a study file names has no reference."""
    models = data.get("models")
    parts = [data.get("base")]
    if isinstance(models, Mapping):
        parts += [model.get("base") for model in models.values() if isinstance(model, Mapping)]
    problems = [part.get("problem") for part in parts if isinstance(part, Mapping)]
    kinds = [problem.get("kind") for problem in problems if isinstance(problem, Mapping)]
    return any(
        isinstance(kind, str) and kind in PROBLEMS and PROBLEMS[kind].reference == "none"
        for kind in kinds
    )
