"""A default is part of a run's name by being left out of it: it never changes without a word.

``defaults.json`` holds the defaults of every kind. A new kind or field is added to it; a changed
default needs a higher ``version`` of its part, so that runs with the old one keep their names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pinn_core.configuration import Record, families
from pinn_core.parts import FAMILIES, Part, plain

TABLE = Path(__file__).with_name("defaults.json")
KNOWN: dict[str, dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
PARTS: dict[str, type[Part]] = {
    f"{family.name}/{kind}": family[kind]
    for family in (*families().values(), FAMILIES["probe"], FAMILIES["point sampler"])
    for kind in family
}


def defaults() -> dict[str, dict[str, Any]]:
    """The table as it would be written now."""
    return {
        name: {**part().to_dict(), "version": part.version} for name, part in sorted(PARTS.items())
    } | {"record": {name: plain(value, None) for name, value in vars(Record()).items()}}


def test_every_kind_is_in_the_table() -> None:
    assert KNOWN.keys() == {*PARTS, "record"}, "run: python -m tests.contracts.test_defaults"


@pytest.mark.parametrize("name", [*PARTS, "record"])
def test_no_default_changed_without_a_new_version(name: str) -> None:
    before, now = KNOWN[name], defaults()[name]
    assert before.keys() == now.keys(), "run: python -m tests.contracts.test_defaults"
    assert before == now or now.get("version", 1) > before.get("version", 1)


if __name__ == "__main__":
    TABLE.write_text(json.dumps(defaults(), indent=1) + "\n", encoding="utf-8")
