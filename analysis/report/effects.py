"""What matters, in words and figures: a part of the page for each model that was searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from analysis.effects.importance import FEWEST, Importance
from analysis.effects.matters import Matters
from analysis.effects.searched import REGIMES, Searched
from analysis.estimates import LEVEL
from analysis.figures.effects import draw_effects
from analysis.figures.saved import Drawn
from analysis.report.rows import Rows
from analysis.verdicts import p_in_words
from analysis.wording import count, model_name, number

DRAWN = 3  # models that have figures; of further ones there is a table
ENOUGH = 8  # runs that figures take


class SearchPart(NamedTuple):
    """A model's search: its name, what it tells in sentences, and its figures."""

    model: str
    words: str
    figures: list[Drawn]


def search_parts(found: Sequence[Matters], figures: Path) -> list[SearchPart]:
    """Of each search its part, the figures of the first DRAWN drawn into the folder."""
    return [
        SearchPart(
            model_name(each.searched.model),
            matters_in_words(each),
            draw_effects(each, place, figures) if place <= DRAWN and _enough(each) else [],
        )
        for place, each in enumerate(found, start=1)
    ]


def _enough(found: Matters) -> bool:
    return len(found.searched.runs) >= ENOUGH


def matters_in_words(found: Matters) -> str:
    """Which runs there are, what matters for each target, and for how long runs stay."""
    searched = found.searched
    sentences = [_how_many(searched)]
    if searched.metric.counts:
        sentences.append(
            f"A run that never reached the level of {searched.metric} counts behind those that "
            "did, the nearer it came the better."
        )
    if searched.pruned:
        left_out = "is left out: it is" if searched.pruned == 1 else "are left out: they are"
        sentences.append(
            f"{count(searched.pruned, 'run')} that the pruner stopped early {left_out} not a "
            "random choice."
        )
    if not searched.draws_at_random:
        sentences.append(
            "The sampler chose later runs by the values of earlier ones, and medians are those of "
            "the runs that it preferred. Importances and tests need draws that depend on no value "
            "(grid, random, qmc): there are none here."
        )
    else:
        sentences += [
            _importances(target, known, len(searched.targets[target]))
            for target, known in found.importances.items()
        ]
    sentences += [each for each in (_survival(found), _regimes(found)) if each]
    if not _enough(found):
        sentences.append(f"The figures take {ENOUGH} runs.")
    return " ".join(sentences)


def _how_many(searched: Searched) -> str:
    runs, drawn = len(searched.runs), len(searched.configurations)
    if runs == drawn:
        return f"{count(runs, 'run')} of the search."
    return (
        f"{count(runs, 'run')} of the search, {count(drawn, 'configuration')}, each of which "
        "counts with the median over its seeds."
    )


def _importances(target: str, known: Sequence[Importance], runs: int) -> str:
    if not known:
        few = (
            f"that takes {FEWEST} configurations"
            if runs < FEWEST
            else "too many share the worst value"
        )
        return f"Importances for {target} cannot be computed: {few}."
    beyond = [one for one in known if one.beyond_chance]
    if not beyond:
        return f"For {target} no hyperparameter matters more than chance allows (of {runs})."
    named = ", ".join(f"{one.key} ({share_in_words(one)})" for one in beyond)
    return f"For {target} these matter more than chance allows (of {runs}): {named}."


def share_in_words(one: Importance) -> str:
    """The share with what random halves of the runs give; a single hyperparameter has all of it."""
    if one.share == 1:
        return "the only one that was varied"
    return f"{one.share:.2g} of all importances [{one.low:.2g}, {one.high:.2g}]"


def _survival(found: Matters) -> str:
    tested = [
        (each.axis.key, p)
        for each, p in zip(found.survivals, found.corrected, strict=True)
        if p is not None
    ]
    if not tested:
        return ""
    named = ", ".join(f"{key} (p {p_in_words(p)})" for key, p in tested if p <= LEVEL)
    if not named:
        return "No hyperparameter significantly changes how long runs stay on their first plateau."
    return f"How long runs stay on their first plateau depends significantly on {named}."


def _regimes(found: Matters) -> str:
    runs = found.searched.runs
    counts = runs["regime"].value_counts()
    named = ", ".join(f"{counts[regime]} {regime}" for regime in REGIMES if regime in counts)
    again = int(runs.loc[runs["regime"] == "left", "again"].sum())
    if not again:
        return f"How they ended: {named}."
    return (
        f"How they ended: {named}. Left means the first plateau that the rule finds: "
        f"{_flat_again(again, counts['left'])}, converged or on another plateau."
    )


def _flat_again(again: int, left: int) -> str:
    """So many of the runs that left their first plateau are flat at their end."""
    if left == 1:
        return "the one run that left it is flat again at its end"
    if again == left:
        return f"all {left} of these runs are flat again at their end"
    if again == 1:
        return f"1 of those {left} runs is flat again at its end"
    return f"{again} of those {left} runs are flat again at their end"


def importance_rows(found: Sequence[Matters]) -> Rows:
    """Every model, target and hyperparameter with its importance."""
    cells = [
        (
            model_name(each.searched.model),
            target,
            one.key,
            number(one.share),
            f"{number(one.low)} to {number(one.high)}",
            number(one.chance),
        )
        for each in found
        for target, known in each.importances.items()
        for one in known
    ]
    header = ("model", "for", "hyperparameter", "importance", "in random halves", "by chance up to")
    return Rows(header, cells)
