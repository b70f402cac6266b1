"""Plain values against pydantic models and pinn_core's dataclasses, strictly; one error at a time.

Strictly: no text is taken for a number, no number for text, no unknown key is passed over.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pinn_core.parts import FAMILIES, Family, Part, UnknownName
from sweeps.errors import closest, excerpt, quoted
from sweeps.study.plain_yaml import Keys

T = TypeVar("T")


class Wrong(ValueError):
    """One thing that is wrong: the keys that lead to it, and a sentence that says what."""

    def __init__(self, keys: Keys, message: str) -> None:
        super().__init__(message)
        self.keys = keys
        self.message = message


class Section(BaseModel):
    """A mapping with known keys; the docstrings under the fields explain them."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, value: object) -> object:
        refuse_unknown_keys(value, cls.model_fields)
        return value


def refuse_unknown_keys(value: object, allowed: Iterable[str]) -> None:
    """Raise ``Wrong`` unless ``value`` is a mapping with no other keys than those allowed."""
    names = sorted(allowed)
    listed = ", ".join(names) or "none"
    if not isinstance(value, Mapping):
        raise Wrong((), f"found {shown(value)}, allowed: a mapping with the keys {listed}")
    for key in value:
        if key not in names:
            raise Wrong(
                (key,), f"unknown key {quoted(key)}, allowed: {listed}{closest(key, names)}"
            )


def read(cls: type[T], value: object) -> T:
    """The frozen dataclass that a mapping describes; raises ``Wrong``."""
    refuse_unknown_keys(value, [field.name for field in fields(cls)])  # type: ignore[arg-type]
    _refuse_unknown_kinds(cls, value)
    parts = _read_parts_below(cls, value)
    others = {key: held for key, held in value.items() if key not in parts}  # type: ignore[attr-defined]
    try:
        adapter = _adapter(cls)  # type: ignore[arg-type]
        part: T = adapter.validate_json(json.dumps(others), strict=True)
        return replace(part, **parts) if parts else part  # type: ignore[type-var]
    except ValidationError as error:
        raise first_error(error, value) from None
    except ValueError as error:
        raise _out_of_range((), value, str(error)) from None


def _read_parts_below(cls: type[Any], value: object) -> dict[str, tuple[Part, ...]]:
    """The lists of parts in a dataclass's fields, by field; raises ``Wrong``."""
    found: dict[str, tuple[Part, ...]] = {}
    for field in fields(cls):
        contracts = {family.contract: family for family in FAMILIES.values() if family.contract}
        family = next((contracts[kind] for kind in get_args(field.type) if kind in contracts), None)
        if family is None or not isinstance(value, Mapping) or field.name not in value:
            continue
        held = value[field.name]
        if not isinstance(held, list):
            raise Wrong((field.name,), f"found {shown(held)}, allowed: a list")
        parts = []
        for place, entry in enumerate(held):
            try:
                parts.append(read_part(family, entry))
            except Wrong as error:
                raise Wrong((field.name, place, *error.keys), error.message) from None
        found[field.name] = tuple(parts)
    return found


def kind_of(family: Family[Any]) -> Callable[[str], str]:
    """A check that a text is a kind of a family; it raises ``Wrong``."""

    def check(name: str) -> str:
        if name not in family:
            listed = ", ".join(repr(kind) for kind in family.names())
            raise Wrong((), f"found {shown(name)}, allowed: {listed}{closest(name, family)}")
        return name

    return check


def _refuse_unknown_kinds(cls: type[Any], value: object) -> None:
    """Raise ``Wrong`` where a field names a part that its family does not have."""
    named = cls.named if issubclass(cls, Part) else {}
    for field, family in named.items():
        name = value.get(field) if isinstance(value, Mapping) else None
        if isinstance(name, str):
            try:
                kind_of(FAMILIES[family])(name)
            except Wrong as error:
                raise Wrong((field,), error.message) from None


def read_part(family: Family[type[T]], value: object) -> T:
    """The part of a family that a mapping's ``kind`` and other keys describe; raises ``Wrong``."""
    kinds = ", ".join(family.names())
    if not isinstance(value, Mapping):
        raise Wrong((), f"found {shown(value)}, allowed: a mapping with a kind ({kinds})")
    if "kind" not in value:
        raise Wrong(("kind",), f"missing, allowed: {kinds}")
    try:
        cls = family[str(value["kind"])]
    except UnknownName as error:
        raise Wrong(("kind",), str(error)) from None
    return read(cls, {key: field for key, field in value.items() if key != "kind"})


def first_error(error: ValidationError, value: object) -> Wrong:
    """What pydantic found first, in our words."""
    details = error.errors(include_url=False)
    first = details[0]
    keys, found = _follow(first["loc"], value)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Wrong):
        return Wrong((*keys, *cause.keys), cause.message)
    if cause:
        return _out_of_range(keys, found, str(cause))
    if first["type"] == "missing":
        return Wrong((*keys, first["loc"][-1]), "missing, this key is required")
    if first["type"] == "unexpected_keyword_argument":
        return Wrong(keys, f"unknown key {quoted(first['loc'][-1])}")
    same = [detail for detail in details if _follow(detail["loc"], value)[0] == keys]
    allowed = " or ".join(dict.fromkeys(_allowed(detail) for detail in same))
    return Wrong(keys, f"found {shown(found)}, allowed: {allowed}{_hint(found, same)}")


def shown(value: object) -> str:
    """A value as one would write it in a study file, shortened."""
    return quoted(value) if isinstance(value, str) else excerpt(json.dumps(value, default=str))


@lru_cache
def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _follow(loc: tuple[str | int, ...], value: Any) -> tuple[Keys, object]:  # noqa: ANN401
    """The keys of ``loc`` that lead somewhere, and where; pydantic adds names of union members."""
    keys: Keys = ()
    for key in loc:
        try:
            value = value[key]
        except (LookupError, TypeError):
            break
        keys = (*keys, key)
    return keys, value


def _out_of_range(keys: Keys, found: object, message: str) -> Wrong:
    """A dataclass's own check: its messages begin with the name of the field."""
    field = message.partition(" ")[0]
    known = isinstance(found, Mapping) and field in found
    return Wrong((*keys, field) if known else keys, message)


_WANTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "string_type": lambda _: "text",
    "bool_type": lambda _: "true or false",
    "none_required": lambda _: "null",
    "tuple_type": lambda _: "a list",
    "dict_type": lambda _: "a mapping",
    "too_short": lambda ctx: f"at least {ctx['min_length']} of them",
    "literal_error": lambda ctx: ctx["expected"],
    "greater_than": lambda ctx: f"> {ctx['gt']}",
    "greater_than_equal": lambda ctx: f">= {ctx['ge']}",
    "less_than": lambda ctx: f"< {ctx['lt']}",
    "less_than_equal": lambda ctx: f"<= {ctx['le']}",
}


def _allowed(detail: ErrorDetails) -> str:
    wanted = _WANTED.get(detail["type"])
    return wanted(detail.get("ctx", {})) if wanted else detail["msg"]


def _hint(found: object, details: Iterable[ErrorDetails]) -> str:
    """The closest of the allowed names; or, for text instead of a number, how to write numbers."""
    if not isinstance(found, str):
        return ""
    names: list[str] = []
    number = False
    for detail in details:
        names += detail.get("ctx", {}).get("expected", "").split("'")[1::2]
        number |= detail["type"] in ("int_type", "float_type")
    if number and any(digit.isdigit() for digit in found):
        return "; write numbers without quotes, like 1000, 0.001 or 1e-3"
    return closest(found, names)
