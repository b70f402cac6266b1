"""The reference has all that the program has: parts, options, keys, verbs, columns, names."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from sitegen.reference import (
    columns,
    command_line,
    families,
    gallery,
    python_api,
    study_file,
    write_reference,
)
from sitegen.reference.families import EQUATIONS, WHEN, slug
from sitegen.reference.field_docs import field_docs
from typer.testing import CliRunner

import pinn_sweeps
from pinn_core.parts import FAMILIES
from pinn_core.training.described import described_columns
from sweeps.cli import app
from sweeps.study.study import load_study
from sweeps.study.study_file import shipped_studies

PARTS = [(family, kind) for family, parts in FAMILIES.items() for kind in parts.names()]


@pytest.fixture(scope="module")
def entries() -> dict[str, str]:
    """The entry of every part by ``family/kind``."""
    pages = families.pages()
    found = {}
    for name, family in FAMILIES.items():
        _, *sections = pages[f"families/{slug(family)}.md"].split("\n## ")
        found |= {f"{name}/{text.partition(chr(10))[0]}": text for text in sections}
    return found


@pytest.mark.parametrize(("family", "kind"), PARTS)
def test_every_part_has_an_entry_with_its_options(
    entries: dict[str, str], family: str, kind: str
) -> None:
    entry, part = entries[f"{family}/{kind}"], FAMILIES[family][kind]
    for field in fields(part) if is_dataclass(part) else ():
        assert f"\n| `{field.name}` |" in entry
    assert part.__name__ in entry


@pytest.mark.parametrize(("family", "kind"), PARTS)
def test_every_part_says_when_to_use_it_and_what_its_options_mean(family: str, kind: str) -> None:
    part = FAMILIES[family][kind]
    assert f"\n\n{WHEN}" in (inspect.getdoc(part) or "")
    if is_dataclass(part):
        said = field_docs(part)  # type: ignore[arg-type]
        assert [field.name for field in fields(part) if not said.get(field.name)] == []


def test_the_entry_of_a_problem_has_equation_facts_and_example(entries: dict[str, str]) -> None:
    entry = entries["problem/heat"]
    for words in (
        "$$\nu_t = u_{xx} + u_{yy}\n$$",
        "Pandya, Parpas, Lengyel",
        "| coordinates | x 0 to 1, y 0 to 1, t 0 to 1 |",
        "| `points_per_axis` | whole number | `26` | points | Points of the grid",
        "problem: {kind: heat, points_per_axis: 26, interior_points: all, a1: 0}",
    ):
        assert words in entry


@pytest.mark.parametrize("family", ["problem", "optimizer", "weighting", "aggregation"])
def test_equations_are_typeset_for_every_rule(family: str) -> None:
    kinds = set(FAMILIES[family].names()) - {"fixed"}  # weights that stay have no rule
    assert set(EQUATIONS[family]) == kinds


def test_no_equation_is_of_a_part_that_is_gone() -> None:
    for family, kinds in EQUATIONS.items():
        assert set(kinds) <= set(FAMILIES[family].names())


def keys(value: Any, prefix: str = "") -> Iterator[str]:
    """The dotted keys of a resolved study file, as the page names them."""
    part = not isinstance(value, dict | list) or "kind" in value
    if prefix == "models.NAME.base" or (prefix and part):
        return
    below = value.items() if isinstance(value, dict) else (("N", each) for each in value)
    for key, held in below:
        free = prefix in ("models", "models.NAME.space") or prefix.endswith((".where", ".columns"))
        name = f"{prefix}.{'NAME' if free else key}".lstrip(".")
        if not free and key != "N":
            yield name
        yield from keys(held, name)


@pytest.mark.parametrize("study", ["demo", "burgers-identification", "conflict", "hyperparameters"])
def test_every_key_of_a_resolved_study_file_is_explained(study: str) -> None:
    page = study_file.pages()["study-file.md"]
    named = set(keys(load_study(study).model_dump(mode="json"))) - {"base.data.N.content"}
    assert {key for key in named if f"\n| `{key}` |" not in page} == set()
    assert "models.NAME.objective" in named


def test_no_key_is_without_a_meaning() -> None:
    found = [key for section in study_file.sections().values() for key in section]
    assert [key.name for key in found if not key.meaning] == []


def test_the_study_file_links_to_families_and_sections() -> None:
    page = study_file.pages()["study-file.md"]
    for line in (
        "| `base.problem` | [problem](families/problems.md) | required |",
        "| `search.sampler` | the name of [one](families/samplers.md) or `MODULE:CLASS` | `grid` |",
        "| `search` | [a mapping](#study-search) | each key's own |",
        "| `rerun.top` | whole number, ≥ 1 and ≤ 1000 | `1` |",
    ):
        assert f"\n{line}" in page


def test_every_verb_of_the_command_line_appears_with_its_options() -> None:
    page = command_line.pages()["command-line.md"]
    said = CliRunner().invoke(app, ["--help"]).stdout
    verbs = command_line.verbs()
    assert "replay" in verbs
    for name, verb in verbs.items():
        assert f" {name} " in said
        _, _, section = page.partition(f"\n## {name}\n")
        section = section.partition("\n## ")[0]
        for option in (each for each in verb.params if each.param_type_name == "option"):
            assert option.opts[0] in section


@pytest.mark.parametrize(
    "study", ["demo", "conflict", "loss-landscape-small", "burgers-identification"]
)
def test_the_columns_of_a_study_have_a_meaning_and_a_unit(study: str) -> None:
    page, loaded = columns.pages()["columns.md"], load_study(study)
    for model in loaded.models:
        for name in described_columns(loaded.configuration_of(model)):
            assert columns.unit_of(name)
            kind, placeholders = name.rpartition("/")[0], ("NAME", "DATA", "UNKNOWN", "TERM")
            named = [name, *(f"{kind}/{other}" for other in placeholders)]
            assert any(f"\n| `{each}` |" in page for each in named), name


def test_every_public_name_of_python_is_on_a_page() -> None:
    text = "\n".join(python_api.pages().values())
    missing = [
        name
        for name in pinn_sweeps.__all__
        if f":: pinn_sweeps.{name}\n" not in text and f"`{name}`" not in text
    ]
    assert missing == []
    assert "python/others.md" not in python_api.pages()


def test_the_gallery_shows_every_shipped_study_with_its_comments() -> None:
    pages = gallery.pages()
    assert set(pages) == {"gallery/index.md", *(f"gallery/{s}.md" for s in shipped_studies())}
    assert "# what the report compares with; no run depends on it" in pages["gallery/conflict.md"]
    assert "pinn-sweep run conflict reduced=true" in pages["gallery/conflict.md"]
    assert "reduced=true" not in pages["gallery/plateaus.md"]


def test_pages_that_are_no_longer_made_are_removed_and_others_stay(tmp_path: Path) -> None:
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "pinn_sweeps/data/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("# Title\n")
    docs = tmp_path / "docs"
    write_reference(docs)
    page, gone = docs / "reference" / "study-file.md", docs / "reference" / "gone" / "page.md"
    gone.parent.mkdir()
    gone.write_text("# Gone\n")
    written = page.stat().st_mtime_ns
    write_reference(docs)
    assert not gone.parent.exists()
    assert page.stat().st_mtime_ns == written
