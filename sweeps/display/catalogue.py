"""What a study file can name, with a line on each."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from pinn_core.aggregations import AGGREGATIONS
from pinn_core.alignments import ALIGNMENTS
from pinn_core.curricula import STAGES
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.inputs import INPUTS
from pinn_core.networks import NETWORKS
from pinn_core.objectives import OBJECTIVES
from pinn_core.optimizers import OPTIMIZERS
from pinn_core.parts import Family
from pinn_core.problems import PROBLEMS
from pinn_core.weightings import WEIGHTINGS
from sweeps.errors import StudyError, closest, excerpt
from sweeps.study.pruners import PRUNERS
from sweeps.study.study_file import shipped_studies

_SENTENCE_END = re.compile(r"(?<=[.])(?<! et al\.)\s")
"""The space after a sentence; that of "et al. 2021" is none."""

SAMPLERS = {
    "grid": "Every point of the space, or search.runs of them, drawn by seed.",
    "qmc": "A scrambled Sobol sequence; all runs are laid out before the first.",
    "random": "Independent draws; all runs are laid out before the first.",
    "tpe": "Tree-structured Parzen estimator; learns from one generation to the next.",
}

REGISTRIES: dict[str, Family[Any]] = {
    "problems": PROBLEMS,
    "inputs": INPUTS,
    "networks": NETWORKS,
    "objectives": OBJECTIVES,
    "optimizers": OPTIMIZERS,
    "weightings": WEIGHTINGS,
    "aggregations": AGGREGATIONS,
    "alignments": ALIGNMENTS,
    "stages": STAGES,
    "pruners": PRUNERS,
}


def known(family: str) -> Mapping[str, str]:
    """Names and summaries of all that a family has; raises ``StudyError`` for an unknown family."""
    if family in REGISTRIES:
        parts = REGISTRIES[family]
        return {name: _summary(parts[name]) for name in parts.names()}
    others: dict[str, Callable[[], Mapping[str, str]]] = {
        "activations": lambda: {name: _summary(ACTIVATIONS[name]) for name in sorted(ACTIVATIONS)},
        "samplers": lambda: SAMPLERS,
        "studies": lambda: {name: _first_comment(name) for name in shipped_studies()},
    }
    if family not in others:
        names = [*REGISTRIES, *others]
        raise StudyError(
            f"list {excerpt(family)}: allowed are {', '.join(names)}{closest(family, names)}"
        )
    return others[family]()


def _summary(part: object) -> str:
    """The first line of its docstring, as plain text."""
    first = (inspect.getdoc(part) or "").partition("\n")[0].replace("``", "")
    return first.removeprefix("Outcome and derivatives up to order (0 to 3) of ")


def _first_comment(study: str) -> str:
    """The first sentence of a shipped study's opening comment."""
    text = (resources.files("sweeps") / "studies" / f"{study}.yaml").read_text("utf-8")
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    text = " ".join(line.lstrip("# ") for line in lines)
    return _SENTENCE_END.split(text, maxsplit=1)[0]
