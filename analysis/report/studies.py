"""The page that shows studies beside each other: one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis.estimates import SEEDS
from analysis.figures.studies import draw_studies
from analysis.model_runs import StudyRead
from analysis.report.page import PAGE, now, written
from analysis.report.rows import Rows, one_or_all
from analysis.studies import (
    Against,
    CommonModel,
    Quantity,
    StudiesCompared,
    best_by,
    pairs_needed,
)
from analysis.verdicts import ratio_in_words
from analysis.wording import count, model_name, number

MOST = 3
"""Differences that the first sentence tells."""


def write_studies(found: StudiesCompared, reads: Sequence[StudyRead], file: str | Path) -> Path:
    """Write the page of a comparison and return its path; a page that is there is replaced."""
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        page = PAGE.get_template("studies.html.j2").render(
            studies=found.studies,
            made=now(),
            headline=headline(found),
            warnings=list(unequal_budgets(found)),
            how=_how(found),
            tests=difference_rows(found),
            figure=draw_studies(found, reads, Path(scratch)),
            models=[_model(model, found.studies) for model in found.models],
            about=_about(reads),
            others=_others(found),
            notes=found.notes,
        )
    return written(page, file)


def headline(found: StudiesCompared) -> str:
    """What was compared, and the differences that a test shows, in a sentence or two."""
    first, tests = found.studies[0], found.tests
    shown = [each for each in tests if each[-1].verdict.outcome != "not decidable"]
    compared = f"{count(len(found.models), 'model')} in common"
    if not found.tested:
        return f"{compared}. Fewer than {SEEDS} seeds of each model: nothing is tested."
    if not shown:
        return (
            f"{compared}. Of {count(found.tested, 'test')} against {first} none shows a difference."
        )
    told = "; ".join(_told(*each) for each in shown[:MOST])
    more = f"; and {len(shown) - MOST} more" if len(shown) > MOST else ""
    return f"{compared}. Compared with {first}: {told}{more}."


def _told(model: CommonModel, quantity: Quantity, test: Against) -> str:
    return (
        f"{model_name(model.name)}, {quantity.words}: {test.outcome} in {test.study}, "
        f"{test.kind} {ratio_in_words(test.verdict)}"
    )


def unequal_budgets(found: StudiesCompared) -> Iterator[str]:
    """The models whose runs are not equally long in all studies, a sentence for each."""
    for model in found.models:
        if len(set(model.steps)) > 1:
            steps = ", ".join(
                f"{steps} in {study}"
                for study, steps in zip(found.studies, model.steps, strict=True)
            )
            yield f"{model_name(model.name)} was trained for unequal numbers of steps: {steps}."


def _how(found: StudiesCompared) -> str:
    first = found.studies[0]
    words = f"Ratios and differences are of a further study to {first}, with 95 % intervals. "
    if not found.tested:
        return f"{words}Tests need {SEEDS} seeds of each model."
    least = max(SEEDS, pairs_needed(len(found.tests)))
    return (
        f"{words}p is corrected by Holm's procedure for {count(found.tested, 'test')} and decides "
        "at 5 %. Runs that begin with the same parameters are paired over equal seeds where there "
        f"are {least} pairs, with which signed ranks could decide one of so many tests. A plateau "
        "that was never left is a lower bound, and a run that diverged has an infinite loss: then "
        "medians are compared."
    )


def difference_rows(found: StudiesCompared) -> Rows:
    """A row for each test: medians, the ratio or difference, p and what it decides."""
    first, *others = found.studies
    cells = []
    for model, quantity, test in found.tests:
        middle = [cell.words.partition(" [")[0] for cell in quantity.cells]
        further = middle[found.studies.index(test.study)]
        sign = "" if test.kind == "ratio" else "difference "
        cells.append(
            (
                f"{model_name(model.name)}: {quantity.words}",
                middle[0],
                further if len(others) == 1 else f"{test.study} {further}",
                f"{sign}{ratio_in_words(test.verdict)}",
                number(test.verdict.corrected),
                test.outcome,
                f"{test.pairs} pairs" if test.pairs else test.verdict.text.partition(",")[0],
            )
        )
    further_study = others[0] if len(others) == 1 else "further study"
    return Rows(("", first, further_study, "ratio", "p", "it is", "by"), cells)


def _model(model: CommonModel, studies: Sequence[str]) -> dict[str, Any]:
    runs = ", ".join(
        f"{study} {count(len(own), 'run')} of {steps} steps"
        for study, own, steps in zip(studies, model.runs, model.steps, strict=True)
    )
    shared = (
        f" {count(model.shared, 'run')} of these are in several studies." if model.shared else ""
    )
    cells = [
        (quantity.words, *(_cell(cell.words, cell.unknown, cell.seeds) for cell in quantity.cells))
        for quantity in model.quantities
    ]
    return {
        "title": model_name(model.name),
        "words": f"The best configuration of each study: {runs}.{shared} Medians over seeds, with "
        f"their 95 % interval from {SEEDS} seeds on.",
        "quantities": Rows(("", *studies), cells),
        "settings": Rows(
            ("key", *studies), [(key, *values) for key, values in model.settings.items()]
        ),
    }


def _cell(words: str, unknown: int, seeds: int) -> str:
    return f"{words}; {unknown} of {seeds} not known" if unknown else words


def _about(reads: Sequence[StudyRead]) -> Rows:
    """The studies themselves: how many runs, chosen by what, where and with what they were made."""
    cells = [
        (
            read.label,
            str(len(read.data.runs)),
            best_by(read.metric),
            one_or_all(read.data.runs["device"]),
            one_or_all(read.data.runs.get("environment.processor", [])),
            one_or_all(read.data.runs.get("environment.pinn-sweeps", [])),
        )
        for read in reads
    ]
    return Rows(("study", "runs", "best by", "device", "processor", "pinn-sweeps"), cells)


def _others(found: StudiesCompared) -> Rows:
    cells = [
        (study, ", ".join(map(model_name, models)))
        for study, models in found.others.items()
        if models
    ]
    return Rows(("study", "models"), cells)
