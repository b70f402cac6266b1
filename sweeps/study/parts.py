"""A run's configuration in a study file: parts that their ``kind`` chooses from pinn_core."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import CoreSchema, core_schema

from pinn_core.configuration import Configuration, Record, families
from pinn_core.objectives import OBJECTIVES, Objective
from pinn_core.observations import Observations
from pinn_core.parts import Family, Part, default_of, has_default, plain
from sweeps.errors import StudyError
from sweeps.study.space import value_at, with_values
from sweeps.study.study_file import dotted_key
from sweeps.study.validation import (
    Section,
    Wrong,
    first_error,
    read,
    read_part,
    refuse_unknown_keys,
)


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


def _keys(*names: str) -> dict[str, Any]:
    """Some of a configuration's fields, as a section of a study file declares them."""
    return {
        each.name: (_annotation(each), default_of(each) if has_default(each) else ...)
        for each in fields(Configuration)
        if each.name in names
    }


def _annotation(each: dataclasses.Field[Any]) -> Any:  # noqa: ANN401
    """The type of a configuration's field, and what reads it from a study file."""
    family = families().get(each.name)
    kind: Any = each.type
    if each.name == "data":
        entry: Any = Annotated[Any, ReadBy(partial(read, Observations))]
        return Annotated[tuple[entry, ...], Field(strict=False)]
    if family is None:
        return Annotated[kind, ReadBy(partial(read, kind))] if kind is Record else kind
    if kind is family.contract:
        return Annotated[kind, one_of(family)]
    part: Any = Annotated[Any, one_of(family)]
    return Annotated[tuple[part, ...], Field(min_length=1, strict=False)]


@cache
def _section_of(*names: str) -> type[Section]:
    """A section with some of a configuration's fields as its keys."""
    return create_model("_section", __base__=Section, **_keys(*names))


_NAMES = [each.name for each in fields(Configuration)]
_Parts = _section_of(*(name for name in _NAMES if name != "objective"))


class Base(_Parts):  # type: ignore[misc, valid-type]
    """What every run of a study has: the fields of ``Configuration`` but the objective."""

    def with_objective(self, objective: Objective) -> Configuration:
        """The configuration of a run with this base."""
        parts = {name: getattr(self, name) for name in Base.model_fields}
        return Configuration(objective=objective, **parts)


class SharedBase(Base):
    """The base of a study file, which may hold an objective for the models that have none."""

    objective: Annotated[Objective | None, one_of(OBJECTIVES)] = Field(None, exclude=True)
    """The loss of the models that leave ``objective`` out; once resolved, each has it."""


def read_configuration(mapping: object) -> Configuration:
    """The configuration that nested plain data (``Configuration.to_dict``) describes.

    Raises ``Wrong``.
    """
    values = _read_keys(_section_of(*_NAMES), mapping)
    try:
        return Configuration(**values)
    except ValueError as error:
        raise Wrong((), str(error)) from None


def configuration_with(configuration: Configuration, point: Mapping[str, Any]) -> Configuration:
    """The configuration with other values under dotted keys; only what they change is read again.

    Raises ``Wrong``.
    """
    names = sorted({key.partition(".")[0] for key in point})
    refuse_unknown_keys(dict.fromkeys(names), _NAMES)
    plain = with_values({name: configuration.plain(name) for name in names}, point)
    changed = _read_keys(_section_of(*names), plain)
    try:
        return replace(configuration, **changed)
    except ValueError as error:
        raise Wrong((), str(error)) from None


def value_under(configuration: Configuration, key: str) -> Any:  # noqa: ANN401
    """The value that a configuration has under a dotted key, as plain data."""
    name = key.partition(".")[0]
    return value_at({name: configuration.plain(name)}, key)


def _read_keys(section: type[Section], mapping: object) -> dict[str, Any]:
    """The values of a section's keys; raises ``Wrong``."""
    try:
        values = section.model_validate(mapping)
    except ValidationError as error:
        raise first_error(error, mapping) from None
    return {name: getattr(values, name) for name in section.model_fields}


def configuration_of(mapping: Mapping[str, Any]) -> Configuration:
    """The configuration that nested plain data (``Configuration.to_dict``) describes.

    Raises ``StudyError`` naming the dotted key.
    """
    try:
        return read_configuration(mapping)
    except Wrong as error:
        raise refused(error) from None


def refused(wrong: Wrong) -> StudyError:
    """The error of a configuration that stands in no study file; it names the dotted key."""
    key = f" {dotted_key(wrong.keys)}:" if wrong.keys else ""
    return StudyError(f"configuration:{key} {wrong.message}")
