"""The study file: every key, made from the schema that reads it."""

import inspect
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pinn_core.configuration import Configuration
from pinn_core.parts import FAMILIES, Family, Part, default_of, has_default
from sitegen.reference.families import slug
from sitegen.reference.field_docs import field_docs
from sitegen.reference.markdown import code, escaped, page, paragraphs, table
from sweeps.display.part import WORDS, shown
from sweeps.study.sections import Study
from sweeps.study.space import Range
from sweeps.study.validation import Section

FAMILY_OF = {"search.sampler": "sampler"}
"""Keys whose value is the name of a part, and its family."""

BOUNDS = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}


@dataclass(frozen=True)
class Key:
    """A key of a study file: its dotted name, its type, its default and what it means."""

    name: str
    type: Any
    default: Any
    meaning: str


def pages() -> dict[str, str]:
    """The page of the study file."""
    return {"study-file.md": page(*_blocks())}


def sections() -> dict[str, list[Key]]:
    """The keys of every section by the section's dotted name, in the order of a file.

    The name of the file itself is empty.
    """
    found: dict[str, list[Key]] = {}
    todo: deque[tuple[str, type]] = deque([("", Study)])
    while todo:
        name, cls = todo.popleft()
        found[name] = list(_keys(name, cls))
        below = [(f"{k.name}{way}", cls) for k in found[name] for way, cls in _below(k.type)]
        todo.extendleft(reversed(below))
    return found


def _keys(section: str, cls: Any) -> Iterator[Key]:  # noqa: ANN401
    prefix = f"{section}." if section else ""
    docs = field_docs(cls) | (field_docs(Configuration) if section == "base" else {})
    if issubclass(cls, Section):
        for name, field in cls.model_fields.items():
            kind: Any = field.annotation
            if field.metadata:
                kind = Annotated[kind, *field.metadata]
            if section == "base" and name in _types(Configuration):
                kind = _types(Configuration)[name]
            default = field.get_default(call_default_factory=True)
            yield Key(prefix + name, kind, default, field.description or docs.get(name, ""))
        return
    for each in fields(cls):
        if each.name != "content":  # the hash of a table, which no file says
            default = default_of(each) if has_default(each) else PydanticUndefined
            yield Key(prefix + each.name, _types(cls)[each.name], default, docs.get(each.name, ""))


def _types(cls: type) -> dict[str, Any]:
    return inspect.get_annotations(cls, eval_str=True)


def _below(kind: Any) -> Iterator[tuple[str, type]]:  # noqa: ANN401
    """The sections that a type holds, and how their keys follow: directly, by name or by number."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _below(inner[0])
    elif _is_section(kind):
        yield "", kind
    elif origin in (dict, tuple):
        way = ".NAME" if origin is dict else ".N"
        yield from ((way + more, cls) for each in inner for more, cls in _below(each))
    elif inner and origin is not Literal:
        yield from (found for each in inner for found in _below(each))


def _is_section(kind: Any) -> bool:  # noqa: ANN401
    known = isinstance(kind, type) and (issubclass(kind, Section) or is_dataclass(kind))
    return known and not issubclass(kind, Part)


def _blocks() -> Iterator[str]:
    yield "# Study file"
    yield (
        "A study file is YAML. Every key is listed here with what it takes and its default; keys "
        "that are left out take their defaults. A key can be changed on the command line by its "
        "dotted name, such as `search.runs=200`; `N` counts the entries of a list from 0."
    )
    yield (
        "`reduced` holds dotted keys with the values of a smaller version of the study. "
        "`reduced=true` on the command line applies them and adds `-reduced` to the name."
    )
    for name, keys in sections().items():
        yield f"({_anchor(name)})=\n## {name or 'The file'}"
        yield from _explained(name)
        yield table(
            ["key", "takes", "default", "meaning"],
            [[code(k.name), _takes(k), _default(k), escaped(k.meaning)] for k in keys],
        )


def _explained(name: str) -> list[str]:
    """What the class of a section says, where its keys need more than their own words."""
    if name == "base.record":
        return paragraphs(inspect.getdoc(Configuration.__dataclass_fields__["record"].type))
    if name.endswith(".space.NAME"):
        return [
            f"A key of the space has a list of values, or a range: {escaped(Range.__doc__ or '')}"
        ]
    return []


def _anchor(section: str) -> str:
    return f"study-{section.replace('.', '-').lower() or 'top'}"


def _takes(key: Key) -> str:
    if key.name in FAMILY_OF:
        family = FAMILIES[FAMILY_OF[key.name]]
        return f"the name of [one]({_to(family)}) or `MODULE:CLASS`"
    return _words(key.type, key.name)


def _words(kind: Any, name: str) -> str:  # noqa: ANN401
    """A type in words, with links to sections and families."""
    origin, inner = get_origin(kind), get_args(kind)
    contracts = {family.contract: family for family in FAMILIES.values() if family.contract}
    if origin is Annotated:
        return _words(inner[0], name) + _bounds(inner[1:])
    if kind in contracts:
        return f"[{contracts[kind].name}]({_to(contracts[kind])})"
    if _is_section(kind):
        return f"[a mapping](#{_anchor(name)})"
    if origin is Literal:
        return " or ".join(code(each) for each in inner)
    if origin is tuple:
        return f"a list of: {_words(inner[0], f'{name}.N')}"
    if origin is dict:
        return f"for each name: {_words(inner[1], f'{name}.NAME')}"
    if inner:
        return " or ".join(_words(each, name) for each in inner)
    if kind in (None, type(None)):
        return code("null")
    return "text" if kind is str else WORDS.get(kind, "any value")


def _bounds(metadata: tuple[Any, ...]) -> str:
    """The limits that annotations give."""
    marks = [
        m for each in metadata for m in (each.metadata if isinstance(each, FieldInfo) else [each])
    ]
    words = [
        f"{sign} {getattr(m, at):g}"
        for m in marks
        for kind, (at, sign) in BOUNDS.items()
        if isinstance(m, kind)
    ]
    words += [f"at least {m.min_length}" for m in marks if isinstance(m, MinLen)]
    return f", {' and '.join(words)}" if words else ""


def _to(family: Family[Any]) -> str:
    return f"families/{slug(family)}.md"


def _default(key: Key) -> str:
    default = key.default
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, Part):
        return code(default.kind)
    if _is_section(type(default)):
        return "each key's own"
    if default in ({}, ()):
        return code("{}" if default == {} else "[]")
    if default == "":
        return "empty"
    return code(list(default) if isinstance(default, tuple) else shown(default))
