"""A run's configuration in a study file: parts that their ``kind`` chooses from pinn_core."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import CoreSchema, core_schema

from pinn_core.aggregations import AGGREGATIONS, Aggregation, Sum
from pinn_core.alignments import ALIGNMENTS, Alignment, Unaligned
from pinn_core.configuration import Configuration, Record
from pinn_core.curricula import STAGES, Stages, Unstaged
from pinn_core.discretization.discretization import Constraints
from pinn_core.engine.precision import Precision
from pinn_core.inputs import INPUTS, Inputs, Raw
from pinn_core.networks import NETWORKS, Network
from pinn_core.objectives import OBJECTIVES, Objective
from pinn_core.optimizers import OPTIMIZERS, Optimizer
from pinn_core.parts import Family, Part, plain
from pinn_core.problems import PROBLEMS, Problem
from pinn_core.weightings import WEIGHTINGS, Fixed, Weighting
from sweeps.errors import StudyError
from sweeps.study.study_file import dotted_key
from sweeps.study.validation import Section, Wrong, first_error, read, read_part


@dataclass(frozen=True)
class ReadBy:
    """Annotation of a field whose value ``function`` makes from plain data; raises ``Wrong``."""

    function: Callable[[object], object]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """What pydantic asks of an annotation."""
        back = core_schema.plain_serializer_function_ser_schema(_as_plain)
        return core_schema.no_info_plain_validator_function(self.function, serialization=back)


def one_of(family: Family[Any]) -> ReadBy:
    """Annotation of a field that holds a part of the family."""
    return ReadBy(partial(read_part, family))


def _as_plain(value: Any) -> Any:  # noqa: ANN401
    """The plain data that such a field was made from, with every default."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Part):
        return value.to_dict()
    return {each.name: plain(getattr(value, each.name), None) for each in fields(value)}


class Base(Section):
    """What every run of a study has."""

    problem: Annotated[Problem, one_of(PROBLEMS)]
    """The equation to solve and its points."""
    network: Annotated[Network, one_of(NETWORKS)]
    """The network and how it is initialised."""
    phases: Annotated[
        tuple[Annotated[Optimizer, one_of(OPTIMIZERS)], ...], Field(min_length=1, strict=False)
    ]
    """The optimizers, one after the other, each with its steps."""
    weighting: Annotated[Weighting, one_of(WEIGHTINGS)] = Fixed()
    """How the weights of the loss terms are set during a run."""
    aggregation: Annotated[Aggregation, one_of(AGGREGATIONS)] = Sum()
    """How the weighted gradients of the loss terms become one direction."""
    alignment: Annotated[Alignment, one_of(ALIGNMENTS)] = Unaligned()
    """What becomes of an update that conflicts with a loss term."""
    inputs: Annotated[Inputs, one_of(INPUTS)] = Raw()
    """What the network is given of the coordinates."""
    constraints: Constraints = "soft"
    """Conditions as terms of the loss, or (hard) kept by the form of the solution."""
    stages: Annotated[Stages, one_of(STAGES)] = Unstaged()
    """The problems that a run is trained on one after the other, all phases on each."""
    record: Annotated[Record, ReadBy(partial(read, Record))] = Record()
    """What a run records and how often."""
    precision: Precision = "float32"
    """Floating point numbers of the training; tf32: float32, a GPU's matrix products in TF32."""

    def with_objective(self, objective: Objective) -> Configuration:
        """The configuration of a run with this base."""
        parts = {name: getattr(self, name) for name in Base.model_fields}
        return Configuration(objective=objective, **parts)


class SharedBase(Base):
    """The base of a study file, which may hold an objective for the models that have none."""

    objective: Annotated[Objective | None, one_of(OBJECTIVES)] = Field(None, exclude=True)
    """The loss of the models that leave ``objective`` out; once resolved, each has it."""


class _Complete(Base):
    objective: Annotated[Objective, one_of(OBJECTIVES)]


def read_configuration(mapping: object) -> Configuration:
    """The configuration that nested plain data (``Configuration.to_dict``) describes.

    Raises ``Wrong``.
    """
    try:
        complete = _Complete.model_validate(mapping)
    except ValidationError as error:
        raise first_error(error, mapping) from None
    return complete.with_objective(complete.objective)


def configuration_of(mapping: Mapping[str, Any]) -> Configuration:
    """The configuration that nested plain data (``Configuration.to_dict``) describes.

    Raises ``StudyError`` naming the dotted key.
    """
    try:
        return read_configuration(mapping)
    except Wrong as error:
        key = f" {dotted_key(error.keys)}:" if error.keys else ""
        raise StudyError(f"configuration:{key} {error.message}") from None
