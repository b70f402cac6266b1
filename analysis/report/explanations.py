"""What moves before the plateau ends, in words and tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.explanations import lead, prediction
from analysis.explanations.alignment import Aligned
from analysis.explanations.explained import Explanations
from analysis.explanations.intervention import Intervention
from analysis.explanations.lead import Lead
from analysis.explanations.prediction import Foretold
from analysis.report.rows import Rows
from analysis.verdicts import in_words, p_in_words, span_in_words
from analysis.wording import NONE, count, model_name, number

VERDICTS = {
    "leads": "before the loss falls",
    "lags": "after the loss has fallen",
    "not beyond the loss": "while the loss falls",
    "with the drop": "with the drop",
    "not tied": "no tie to the drop found",
    "too few": f"too few runs: {lead.FEWEST} are needed",
}
MOVED = {
    "as foretold": "both, as foretold",
    "against it": "both, against what it foretells",
    "both": "both",
    "column alone": "the column, not the plateau",
    "plateau alone": "the plateau, not the column",
    "not decided": "not decided",
}


def leads_in_words(found: Explanations) -> str:
    """Which runs are looked at, what can be told, and what leads."""
    sentences = [_about(of) for of in found.aligned]
    for model, left in found.without.items():
        said = (
            f"{count(left, 'run')} left it, none with a whole window" if left else "no run left it"
        )
        sentences.append(f"{model_name(model)}: {said}, so that nothing is said.")
    enough = [one for one in found.leads if one.outcome != "too few"]
    if not enough:
        sentences.append(
            f"No verdict: that takes {lead.FEWEST} runs of a model with a change of the column."
        )
        return " ".join(sentences)
    for outcome, words in (
        ("leads", "Before the loss begins to fall change"),
        ("lags", "After it has fallen change"),
        ("with the drop", "With the drop change"),
    ):
        names = _named([one for one in enough if one.outcome == outcome], len(found.aligned))
        if names:
            sentences.append(f"{words} {', '.join(names)}.")
        elif outcome == "leads":
            columns = len({one.column for one in enough})
            sentences.append(f"None of {columns} columns was found to change before the loss.")
    return " ".join(sentences)


def _named(chosen: Sequence[Lead], models: int) -> list[str]:
    """The columns, each with its models where it is not so in all."""
    by_column: dict[str, list[str]] = {}
    for one in chosen:
        by_column.setdefault(one.column, []).append(model_name(one.model))
    return [
        name if len(own) == models else f"{name} ({', '.join(own)})"
        for name, own in by_column.items()
    ]


def _about(of: Aligned) -> str:
    drops = of.steps_of_drops
    low, middle, high = (number(round(step)) for step in np.quantile(drops, [0.25, 0.5, 0.75]))
    left_out = [
        words
        for words, runs in (
            (f"{count(of.stayed, 'run')} never left or had no plateau", of.stayed),
            (f"{count(of.short, 'run')} had not the whole window", of.short),
        )
        if runs
    ]
    but = f" ({'; '.join(left_out)})" if left_out else ""
    after = float(np.median(drops - of.ends))
    place = f"{number(abs(after))} steps {'after' if after >= 0 else 'before'}"
    return (
        f"{model_name(of.model)}: {count(len(of.runs), 'run')} about their drops{but}, which have "
        f"the median step {middle} and the middle half {low} to {high}, {place} the "
        f"plateau's end by the rule (median); {of.window} steps are looked at on either side, "
        f"every {of.cadence}, and a shorter lead cannot be told."
    )


def lead_rows(found: Explanations) -> Rows:
    """A row per model and column: its lead, the tests, and the verdict."""
    cells = [_lead_cells(one) for one in found.leads]
    cells += [
        (
            model_name(of.model),
            name,
            f"recorded every {often} steps, too seldom" if often else "recorded too seldom",
            *(NONE,) * 6,
        )
        for of in found.aligned
        for name, often in of.seldom.items()
    ]
    header = (
        "model",
        "column",
        "changes",
        "lead (steps)",
        "beyond the loss",
        "p: tied",
        "p: lead or lag",
        "p: beyond the loss",
        "runs",
    )
    return Rows(header, cells)


def _lead_cells(one: Lead) -> tuple[str, ...]:
    return (
        model_name(one.model),
        one.column,
        VERDICTS[one.outcome],
        NONE if one.estimate is None else in_words(one.estimate),
        in_words(one.beyond) if one.beyond and one.is_apart_from_drop else NONE,
        *(NONE if p is None else _p(p) for p in (one.tied, one.moved, one.apart)),
        str(one.runs),
    )


def _p(value: float) -> str:
    return p_in_words(value).removeprefix("= ")


def foretold_in_words(found: Explanations) -> str:
    """Whether any column foretells the plateau's end, or better than the loss does."""
    shown = [one for one in found.foretold if one.interval is not None]
    if not shown:
        return f"No concordance is given: that takes {prediction.FEWEST} seeds with a plateau."
    loss, *columns = shown
    above = [one for one in columns if one.foretells]
    better = [one.column for one in columns if one.against_interval and one.against_interval[0] > 0]
    names = ", ".join(f"{one.column} {number(one.concordance)}" for one in above)
    own = f"{number(loss.concordance)}{span_in_words(loss.interval)}"
    told = f"above chance: {names}" if above else "of the other columns none is above chance"
    than = (
        f"better than the loss: {', '.join(better)}" if better else "none is better than the loss"
    )
    return f"The loss itself ({loss.column}) has a concordance of {own}; {told}; {than}."


def foretold_rows(found: Explanations) -> Rows:
    """A row per column: how well it foretells the end, and what each remedy moves."""
    remedies = list(dict.fromkeys(one.remedy for one in found.interventions))
    moved = {(one.column, one.remedy): one for one in found.interventions}
    problems = any(one.elsewhere is not None for one in found.foretold)
    cells = [
        (*_foretold_cells(one, problems=problems), *_moved_cells(one, remedies, moved))
        for one in found.foretold
    ]
    header = (
        "column",
        "seeds",
        "pairs",
        "a large value",
        "concordance",
        "against the loss's",
        *(("learnt on other problems",) if problems else ()),
        *(f"{model_name(remedy)} moves" for remedy in remedies),
    )
    return Rows(header, cells)


def _foretold_cells(one: Foretold, *, problems: bool) -> tuple[str, ...]:
    against = (
        NONE
        if one.against_loss is None
        else f"{one.against_loss:+.2f}{span_in_words(one.against_interval)}"
    )
    meaning = {1: "later", -1: "earlier"}[one.direction] if one.foretells else NONE
    elsewhere = (number(one.elsewhere),) if problems else ()
    return (
        one.column,
        str(one.seeds),
        str(one.pairs),
        meaning,
        f"{number(one.concordance)}{span_in_words(one.interval)}",
        against,
        *elsewhere,
    )


def _moved_cells(
    one: Foretold, remedies: Sequence[str], moved: dict[tuple[str, str], Intervention]
) -> tuple[str, ...]:
    cells = []
    for remedy in remedies:
        found = moved.get((one.column, remedy))
        if found is None or found.shift is None:
            cells.append(NONE)
            continue
        shift = f"{found.shift.number:+.1f} sd"
        cells.append(f"{MOVED[found.outcome]} ({shift})")
    return tuple(cells)
