"""A page for each family of parts, with an entry for each part."""

import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sweeps.study.pruners
import sweeps.study.samplers  # noqa: F401 - every family enters itself
from pinn_core.parts import FAMILIES, Family
from sitegen.reference.field_docs import field_docs
from sitegen.reference.markdown import code, escaped, fence, page, paragraphs, table
from sweeps.display.part import FieldShown, PartShown, part_named, shown

EQUATIONS = tomllib.loads((Path(__file__).with_name("equations.toml")).read_text("utf-8"))
"""By family and kind: the equation or rule, in LaTeX."""

WHEN = "When to use: "
"""How the paragraph of a docstring begins that says for what a part is good."""

KEYS = {
    "problem": "base.problem",
    "objective": "models.NAME.objective",
    "network": "base.network",
    "activation": "base.network.activation",
    "inputs": "base.inputs",
    "point sampler": "models.NAME.objective.points",
    "optimizer": "base.phases",
    "weighting": "base.weighting",
    "aggregation": "base.aggregation",
    "alignment": "base.alignment",
    "stages": "base.stages",
    "probe": "base.record.probes",
    "sampler": "search.sampler",
    "pruner": "search.pruner",
}
"""Where a study file names a part of each family, in the order of the site."""

_WHAT = re.compile(r"What (.+?) (is|are): (.*)", re.DOTALL)
"""How the docstring of a contract's module begins."""

NAMED = ("activation", "point sampler", "sampler")
"""Families whose parts a study file names by their kind alone."""


def slug(family: Family[Any]) -> str:
    """The file name of a family's page."""
    return family.plural.replace(" ", "-")


def ordered() -> list[Family[Any]]:
    """Every family; those without a place in ``KEYS`` come last."""
    known = [FAMILIES[name] for name in KEYS]
    return [*known, *(each for name, each in FAMILIES.items() if name not in KEYS)]


def pages() -> dict[str, str]:
    """The pages of ``reference/families``."""
    made = {f"families/{slug(family)}.md": _page(family) for family in ordered()}
    return {"families/index.md": _index(), **made}


def _index() -> str:
    rows = [
        [
            f"[{title(family)}]({slug(family)}.md)",
            code(KEYS.get(family.name, "–")),
            ", ".join(code(kind) for kind in family.names()),
        ]
        for family in ordered()
    ]
    return page(
        "# Families",
        "A run is made of parts. Each belongs to a family, and a study file chooses it by its "
        "`kind`. `pinn-sweep list FAMILY KIND` shows an entry of these pages in the terminal; "
        "parts of your own are listed there too, with `--plugin`.",
        table(["family", "key of the study file", "kinds"], rows),
    )


def title(family: Family[Any]) -> str:
    """The heading of a family's page."""
    words = "point samplers" if family.name == "point sampler" else family.plural
    return words[0].upper() + words[1:]


def _page(family: Family[Any]) -> str:
    where = KEYS.get(family.name)
    chosen = f"A study file chooses one under `{where}`." if where else ""
    rows = [[f"[`{kind}`](#{kind})", _said(family, kind)[0][0]] for kind in family.names()]
    return page(
        f"# {title(family)}",
        *_introduction(family),
        chosen,
        table(["kind", "what it is"], rows),
        *(block for kind in family.names() for block in _entry(family, kind)),
    )


def _introduction(family: Family[Any]) -> list[str]:
    """What the module of the family's contract says of it."""
    if family.contract is None:
        module = sys.modules[family[family.names()[0]].__module__]
    else:
        module = importlib.import_module(family.contract.__module__)
    first, *others = paragraphs(inspect.getdoc(module))
    what = _WHAT.fullmatch(first)
    return [f"{what[1][0].upper()}{what[1][1:]} {what[2]} {what[3]}" if what else first, *others]


def _entry(family: Family[Any], kind: str) -> Iterator[str]:
    part, told = family[kind], part_named(family.plural, kind)
    yield f"({slug(family)}-{kind})=\n## {kind}"
    said, when = _said(family, kind)
    equation = EQUATIONS.get(family.name, {}).get(kind)
    head, *rest = said
    yield head
    if equation:
        yield f"$$\n{equation.strip()}\n$$"
    yield from rest
    if when:
        yield f"**When to use.** {when}"
    if told.facts:
        yield table(["", ""], [[name, escaped(words)] for name, words in told.facts.items()])
    if told.fields:
        docs = field_docs(part)
        yield table(
            ["option", "takes", "default", "unit", "meaning"],
            [_option(each, docs.get(each.name, "")) for each in told.fields],
        )
    yield _example(family, told)
    yield f"In Python: `{part.__module__}.{part.__qualname__}`"


def _said(family: Family[Any], kind: str) -> tuple[list[str], str]:
    """What the docstrings say, and what they say of its use.

    The docstring of the module comes first if the part is the only one in it. Examples in Python
    are left out.
    """
    part = family[kind]
    alone = [family[other].__module__ for other in family.names()].count(part.__module__) == 1
    texts = [inspect.getdoc(sys.modules[part.__module__])] if alone else []
    blocks = [
        block
        for text in (*texts, inspect.getdoc(part))
        for block in paragraphs(text)
        if not block.startswith("```pycon")
    ]
    use = [block.removeprefix(WHEN) for block in blocks if block.startswith(WHEN)]
    return [block for block in blocks if not block.startswith(WHEN)], " ".join(use)


def _option(field: FieldShown, meaning: str) -> list[str]:
    pack = " Runs with different values share a pack." if field.in_pack else ""
    return [
        code(field.name),
        escaped(field.takes),
        code(shown(field.default)),
        field.unit or "–",
        escaped(meaning) + pack,
    ]


def _example(family: Family[Any], part: PartShown) -> str:
    """The key of a study file with the part, its first options at their defaults."""
    key = KEYS.get(family.name, family.name).rpartition(".")[2]
    if family.name in NAMED:
        return fence(f"{key}: {part.kind}", "yaml")
    values = [f"{each.name}: {_plain(each.default)}" for each in part.fields[:3]]
    held = "{" + ", ".join([f"kind: {part.kind}", *values]) + "}"
    return fence(f"{key}: {f'[{held}]' if key in ('phases', 'probes') else held}", "yaml")


def _plain(value: Any) -> str:  # noqa: ANN401
    return "{}" if value == {} else shown(value)
