"""A study to begin with: a commented file and, if asked, a problem of one's own beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from pinn_core.problems import PROBLEMS
from sweeps.display.part import part_named, shown
from sweeps.errors import StudyError
from sweeps.store.folder import write_whole
from sweeps.study.names import study_name
from sweeps.study.study import study_from

TEMPLATES = resources.files("sweeps") / "templates"
COMMENT, COLUMN = re.compile(r"(?m)^( *[^\s#].*?) {2,}# "), 34
"""A comment beside a value, and where it begins."""
MANY = 600
"""Collocation points with which a first study begins, where the problem has more."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a new study is about: one of the shipped problems, or a file for one's own."""

    name: str
    problem: str = "heat"
    own: bool = False
    steps: int = 1000
    runs: int = 16
    seeds: int = 5


def begin_study(asked: Beginning, folder: Path) -> list[Path]:
    """Write ``NAME.yaml`` and, for a problem of one's own, ``NAME.py`` into the folder.

    Raises ``StudyError`` for a name that cannot be, an unknown problem, and a file that is there
    already; then nothing is written.
    """
    try:
        study_name(asked.name)
    except ValueError as error:
        raise StudyError(f"init: name: {error}") from None
    texts = {folder / f"{asked.name}.yaml": _study_text(asked)}
    if asked.own:
        texts[folder / _module(asked.name)] = _problem_text(asked.name)
    else:  # what is written can be run
        study_from(next(iter(texts.values())), f"{asked.name}.yaml")
    for file in texts:
        if file.exists():
            raise StudyError(f"{file} already exists; nothing was written")
    for file, text in texts.items():
        write_whole(file, text)
    return list(texts)


def _study_text(asked: Beginning) -> str:
    compared = asked.own or part_named("problems", asked.problem).facts["reference"] != "none"
    about = "a problem of one's own" if asked.own else f"the problem {asked.problem}"
    text = _filled(
        "study.yaml.txt",
        {
            "question": f"How does a physics-informed network train on {about}?",
            "file": f"{asked.name}.yaml",
            "name": asked.name,
            "plugins": _plugins(asked),
            "problem": "\n".join(f"    {line}" for line in _problem_lines(asked)),
            "steps": str(asked.steps),
            "regression": REGRESSION if compared else "",
            "runs": str(asked.runs),
            "metric": "loss/regression" if compared else "loss/total",
            "seeds": str(asked.seeds),
        },
    )
    return COMMENT.sub(lambda found: f"{found[1] + '  ':{COLUMN}}# ", text)


REGRESSION = """\
  regression:                   # the same network, trained on the solution: what it could learn
    objective: {kind: regression, batch: 512}
    space:
      phases.0.learning_rate: {low: 1e-4, high: 1e-2, log: true}
"""


def _plugins(asked: Beginning) -> str:
    if not asked.own:
        return ""
    return f"plugins: [{_module(asked.name)}]    # files with parts of your own, beside this one\n"


def _problem_lines(asked: Beginning) -> list[str]:
    """The problem's fields with their defaults, what each counts, and fewer collocation points."""
    if asked.own:
        kind, module = _kind(asked.name), _module(asked.name)
        return [f"kind: {kind}    # in {module}; its fields may stand here, and in a space"]
    part = part_named("problems", asked.problem)
    inside, _ = PROBLEMS[asked.problem]().grid_size
    lines = [f"kind: {asked.problem}    # {part.summary}"]
    for field in part.fields:
        value = shown(field.default)
        if field.name == "interior_points" and inside > MANY:
            value = str(MANY)
        unit = f"    # {field.unit}" if field.unit else ""
        lines.append(f"{field.name}: {value}{unit}")
    return lines


def _problem_text(name: str) -> str:
    kind = _kind(name)
    if kind in PROBLEMS:
        raise StudyError(f"init: a problem {kind!r} is shipped: give yours another name")
    words = kind.replace("_", " ")
    return _filled(
        "problem.py.txt",
        {
            "title": f"The problem {words}.",
            "kind": kind,
            "class_name": "".join(word.capitalize() for word in kind.split("_")) or "Own",
            "module": _module(name),
        },
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (TEMPLATES / template).read_text("utf-8")
    return Template(text).substitute(values)


def _kind(name: str) -> str:
    """The problem's name: the study's as a Python name."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
    return f"problem_{plain}" if plain[:1].isdigit() else plain


def _module(name: str) -> str:
    return f"{_kind(name)}.py"
