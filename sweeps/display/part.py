"""One part that a study file can name: its fields, and what it says of itself."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pinn_core.parts import FAMILIES, UnknownName, default_of, plain
from pinn_core.problems import Problem
from sweeps.display.catalogue import family_named, summary_of
from sweeps.errors import StudyError

UNITS = {
    **dict.fromkeys(("steps", "decay_steps", "period", "resample", "delay", "ramp"), "updates"),
    **dict.fromkeys(("every", "update_every", "n_warmup_steps", "interval_steps"), "updates"),
    **dict.fromkeys(("points_per_axis", "points_x", "points_t", "interior_points"), "points"),
    **dict.fromkeys(("points_inside", "points_outside", "candidates"), "points"),
    **dict.fromkeys(("batch", "condition_batch"), "points"),
    **dict.fromkeys(("n_startup_trials", "n_min_trials"), "runs"),
    "width": "units",
    "depth": "layers",
    "min_resource": "updates",
}
"""What fields of these names count. A field's metadata may say another ``unit``; all other numbers
of shipped parts have no dimension."""

WORDS = {int: "whole number", float: "number", str: "name", bool: "true or false"}


@dataclass(frozen=True)
class FieldShown:
    """A hyperparameter: how a study file calls it, what it takes, its default and its unit.

    ``in_pack`` says that runs with several values of it can share a pack.
    """

    name: str
    takes: str
    default: Any
    unit: str
    in_pack: bool


@dataclass(frozen=True)
class PartShown:
    """A part: the ``facts`` that hold for all of its values, its fields, its docstrings."""

    family: str
    kind: str
    summary: str
    facts: dict[str, str]
    fields: tuple[FieldShown, ...]
    description: str


def part_named(family: str, kind: str) -> PartShown:
    """What there is to say of a part; raises ``StudyError`` for unknown names."""
    parts = family_named(family)
    try:
        part = parts[kind]
    except UnknownName as error:
        raise StudyError(f"list {family}: {error}") from None
    return PartShown(
        parts.name,
        kind,
        summary_of(part),
        dict(_facts(part)),
        tuple(_fields(part)),
        _description(part),
    )


def in_lines(part: PartShown) -> Iterator[str]:
    """For the terminal."""
    yield f"{part.family} {part.kind}: {part.summary}"
    if part.facts:
        yield ""
        yield from _aligned([(f"{name}:", words) for name, words in part.facts.items()])
    if part.fields:
        yield ""
        rows: list[tuple[str, ...]] = [("field", "default", "unit", "takes")]
        rows += [
            (each.name, shown(each.default), each.unit or "-", each.takes) for each in part.fields
        ]
        yield from _aligned(rows)
    yield ""
    yield part.description


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def shown(default: Any) -> str:  # noqa: ANN401
    """As a study file has it."""
    if default is None or isinstance(default, bool):
        return {None: "null", True: "true", False: "false"}[default]
    return f"{default:g}" if isinstance(default, float) else str(default)


def _fields(part: Any) -> Iterator[FieldShown]:  # noqa: ANN401
    if not is_dataclass(part):
        return
    types = get_type_hints(part)
    named = getattr(part, "named", {})
    for field in fields(part):
        takes = f"one of {named[field.name]}s" if field.name in named else _takes(types[field.name])
        default = plain(default_of(field), field.type)
        in_pack = field.name in getattr(part, "per_member", ())
        yield FieldShown(field.name, takes, default, _unit(field), in_pack)


def _unit(field: Field[Any]) -> str:
    return str(field.metadata.get("unit", UNITS.get(field.name, "")))


def _takes(kind: Any) -> str:  # noqa: ANN401
    """A field's type in words.

    >>> _takes(int | Literal["all"]), _takes(tuple[float, ...]), _takes(int | None)
    ('whole number or all', 'list of numbers', 'whole number or null')
    """
    if kind in WORDS:
        return WORDS[kind]
    if kind is NoneType:
        return "null"
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(map(str, inner[:-1])) + " or " * (len(inner) > 1) + str(inner[-1])
    if origin in (Union, UnionType):
        return " or ".join(map(_takes, inner))
    if origin is tuple:
        return f"list of {_takes(inner[0])}s"
    if origin is dict:
        return f"{_takes(inner[1])} for each name"
    return str(getattr(kind, "__name__", kind))


def _facts(part: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """Of a problem with its defaults: where, what, and what is demanded."""
    if not (isinstance(part, type) and issubclass(part, Problem)):
        return
    problem = part()
    domain = problem.domain
    ends = zip(problem.coordinates, domain.low, domain.high, strict=True)
    yield "coordinates", ", ".join(f"{name} {low:g} to {high:g}" for name, low, high in ends)
    yield "components", ", ".join(problem.components)
    yield "loss terms", ", ".join(["residual", *problem.conditions])
    if problem.unknowns:
        yield "unknowns", ", ".join(problem.unknowns)
    yield "hard form", ", ".join(problem.hard.conditions) if problem.hard else "none"
    inside, outside = problem.grid_size
    yield "grid", f"{inside} interior and {outside} supervised points"
    yield "reference", {"none": "none"}.get(problem.reference, f"by {problem.reference}")


def _is_alone(part: Any) -> bool:  # noqa: ANN401
    """Whether no other part is of the same module."""
    parts = (family[kind] for family in FAMILIES.values() for kind in family)
    modules = [getattr(each, "__module__", "") for each in parts]
    return modules.count(part.__module__) == 1


def _description(part: Any) -> str:  # noqa: ANN401
    """The docstrings of the part's module, if it holds the part alone, and of the part."""
    module = sys.modules.get(getattr(part, "__module__", ""))
    own = inspect.getdoc(part) or ""
    around = inspect.getdoc(module) if module is not None and _is_alone(part) else None
    texts = (text.partition(">>>")[0].replace("``", "").strip() for text in (around, own) if text)
    return "\n\n".join(texts)
