"""What a study file can name, with a line on each."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Mapping
from importlib import resources

import pinn_core.configuration  # noqa: F401 - every family enters itself
import sweeps.study.pruners
import sweeps.study.samplers  # noqa: F401
from pinn_core.parts import FAMILIES
from sweeps.errors import StudyError, closest, excerpt
from sweeps.study.study_file import shipped_studies

_SENTENCE_END = re.compile(r"(?<=[.])(?<! et al\.)\s")
"""The space after a sentence; that of "et al. 2021" is none."""


def known(family: str) -> Mapping[str, str]:
    """Names and summaries of all that a family has; raises ``StudyError`` for an unknown family."""
    families = {each.plural: each for each in FAMILIES.values()}
    if family in families:
        parts = families[family]
        return {name: _summary(parts[name]) for name in parts.names()}
    others: dict[str, Callable[[], Mapping[str, str]]] = {
        "studies": lambda: {name: _first_comment(name) for name in shipped_studies()},
    }
    if family not in others:
        names = [*sorted(families), *others]
        raise StudyError(
            f"list {excerpt(family)}: allowed are {', '.join(names)}{closest(family, names)}"
        )
    return others[family]()


def _summary(part: object) -> str:
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
