"""What a study file can name, with a line on each."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pinn_core.configuration  # noqa: F401 - every family enters itself
import sweeps.study.pruners
import sweeps.study.samplers  # noqa: F401
from pinn_core.parts import FAMILIES, Family
from sweeps.errors import StudyError, closest, excerpt
from sweeps.study.study_file import shipped_studies

STUDIES, METRICS = "studies", "metrics"
"""What can be listed besides families."""

_SENTENCE_END = re.compile(r"(?<=[.])(?<! et al\.)\s")
"""The space after a sentence; that of "et al. 2021" is none."""


def to_choose() -> Mapping[str, str]:
    """All that can be listed, with its names."""
    parts = {each.plural: ", ".join(each.names()) for each in FAMILIES.values()}
    studies, columns = ", ".join(shipped_studies()), "what a study records"
    return {**dict(sorted(parts.items())), STUDIES: studies, METRICS: columns}


def known(family: str) -> Mapping[str, str]:
    """Names and summaries of all that a family has; raises ``StudyError`` for an unknown family."""
    if family == STUDIES:
        return {name: _first_comment(name) for name in shipped_studies()}
    parts = family_named(family)
    return {name: summary_of(parts[name]) for name in parts.names()}


def family_named(plural: str) -> Family[Any]:
    """The family of parts of a name, such as problems; raises ``StudyError``."""
    families = {each.plural: each for each in FAMILIES.values()}
    if plural not in families:
        names = [*sorted(families), STUDIES, METRICS]
        raise StudyError(
            f"list {excerpt(plural)}: allowed are {', '.join(names)}{closest(plural, names)}"
        )
    return families[plural]


def summary_of(part: object) -> str:
    """The first line of its docstring, as plain text."""
    first = (inspect.getdoc(part) or "").partition("\n")[0].replace("``", "")
    return first.removeprefix(
        "Value and derivatives up to ``order`` (0 to 3) of ".replace("``", "")
    )


def _first_comment(study: str) -> str:
    """The first sentence of a shipped study's opening comment."""
    text = (resources.files("sweeps") / "studies" / f"{study}.yaml").read_text("utf-8")
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    text = " ".join(line.lstrip("# ") for line in lines)
    return _SENTENCE_END.split(text, maxsplit=1)[0]
