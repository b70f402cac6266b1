"""Two or more studies beside each other: the models that all of them have, by what was measured.

Of each model the runs are compared that a study's own report is about: the reruns of its best
configuration. The first study is the reference; ratios are of another study to it. The intervals
and tests are those of `analysis.estimates` and `analysis.censored`. All tests of a comparison are
one family: their p-values are corrected for their number. Runs of one seed that begin with the same
parameters are paired, where there are so many pairs that signed ranks could decide a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, inf, log2
from typing import Any

import numpy as np
import pandas as pd

from analysis import estimates
from analysis.censored import ratio_of_lengths
from analysis.estimates import LEVEL, SEEDS, Estimate
from analysis.metric import Metric
from analysis.model_runs import FINALS, ModelRuns, StudyRead, aligned, quantity_of, runs_of
from analysis.ranking import compared_runs
from analysis.rules import PlateauRule
from analysis.statistics import LENGTH, compare_difference, compare_ratio
from analysis.tables import KEPT, is_setting
from analysis.verdicts import Measured, Range, Verdict, decide, finite, span_in_words
from analysis.wording import NONE

ERROR = Metric.read("error/relative_l2")
WORK = "final.work/evaluations"
ALIKE = ("network.", "inputs.", "problem.kind")
"""Beginnings of the keys that runs of one seed have to share to begin with the same parameters."""
WORDS = {LENGTH: "plateau length (steps)", "plateau.start": "plateau begins (step)"}
Key = tuple[str, str, str]
"""A model, a quantity and a further study."""
BELOW = {"ratio": Range("below 1", high=1), "difference": Range("below 0", high=0)}
OUTCOMES = {"holds": "smaller", "does not hold": "larger", "not decidable": "not decided"}


@dataclass(frozen=True)
class Cell:
    """One quantity of one model in one study: its median over seeds, as it is written."""

    words: str
    median: float
    seeds: int
    unknown: int
    """Runs of which it is known from below only: they never left the plateau, or diverged."""


@dataclass(frozen=True)
class Against:
    """One quantity of one model, a further study against the first.

    `kind` is the statistic: the "ratio" of the further study to the first, or their "difference"
    where a value is not positive. `outcome` is "smaller" or "larger" where a test decides that the
    further study's is, else "not decided". `pairs` is how many runs of equal seed were compared
    pair by pair; 0 where both samples were compared as wholes. The verdict's text names the method.
    """

    study: str
    kind: str
    pairs: int
    outcome: str
    verdict: Verdict


@dataclass(frozen=True)
class Quantity:
    """One quantity of one model in all studies. What is not tested has no `against`."""

    name: str
    words: str
    cells: tuple[Cell, ...]
    against: tuple[Against, ...] = ()


@dataclass(frozen=True)
class CommonModel:
    """A model that all studies have. `settings` are the keys whose values differ, study by study.

    `steps` are those of its compared runs, `shared` counts the runs that are in several studies.
    """

    name: str
    runs: tuple[tuple[str, ...], ...]
    steps: tuple[str, ...]
    shared: int
    settings: Mapping[str, tuple[str, ...]]
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True)
class StudiesCompared:
    """The comparison. `others` are the models that not all studies have, by study."""

    studies: tuple[str, ...]
    rule: PlateauRule
    models: tuple[CommonModel, ...]
    others: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]

    @property
    def tests(self) -> list[tuple[CommonModel, Quantity, Against]]:
        """Every comparison of a further study with the first."""
        return [
            (model, quantity, against)
            for model in self.models
            for quantity in model.quantities
            for against in quantity.against
        ]

    @property
    def tested(self) -> int:
        """How many tests the p-values are corrected for."""
        return sum(against.verdict.p is not None for _, _, against in self.tests)

    def to_json(self) -> dict[str, Any]:
        """As plain data, None in the place of numbers that are not finite."""
        return dict(finite({**asdict(self), "tested": self.tested}))


class NothingInCommon(ValueError):
    """The studies have no model of one name; the message says which models each has."""


@dataclass(frozen=True)
class _Test:
    """An estimate of a further study against the first, and how it was made."""

    estimate: Estimate | None
    kind: str
    method: str
    pairs: int = 0


def compare_studies(reads: Sequence[StudyRead]) -> StudiesCompared:
    """Compare two or more studies, whose labels differ, by the plateau rule of the first.

    Raises NothingInCommon, and ValueError where the rule's curve was not recorded.
    """
    chosen = [compared_runs(read.data, read.metric) for read in reads]
    there = [_models(read, runs) for read, runs in zip(reads, chosen, strict=True)]
    common = [model for model in there[0] if all(model in models for models in there[1:])]
    if not common:
        raise NothingInCommon(_nothing_in_common(reads, there))
    rule = reads[0].rule
    metrics = {quantity_of(metric): metric for metric in (*(read.metric for read in reads), ERROR)}
    measured = {
        model: aligned(
            [
                runs_of(read, runs, model, rule, metrics)
                for read, runs in zip(reads, chosen, strict=True)
            ]
        )
        for model in common
    }
    names = [LENGTH, *metrics]
    asked = {
        (model, name, read.label): (side, sides[0])
        for model, sides in measured.items()
        for name in names
        if all(side.knows(name) for side in sides)
        for read, side in zip(reads[1:], sides[1:], strict=True)
    }
    judged = _judged({key: _test(key[1], *both, len(asked)) for key, both in asked.items()})
    return StudiesCompared(
        tuple(read.label for read in reads),
        rule,
        tuple(_common_model(model, sides, judged) for model, sides in measured.items()),
        {
            read.label: tuple(model for model in models if model not in common)
            for read, models in zip(reads, there, strict=True)
        },
        tuple(_notes(reads)),
    )


def _judged(tests: Mapping[Key, _Test]) -> dict[Key, Against]:
    """The verdicts on all tests, whose p-values are corrected for their number."""
    verdicts = decide([(BELOW[test.kind], Measured(test.estimate)) for test in tests.values()])
    return {
        key: Against(
            key[-1],
            test.kind,
            test.pairs,
            OUTCOMES[verdict.outcome],
            replace(verdict, text=test.method),
        )
        for (key, test), verdict in zip(tests.items(), verdicts, strict=True)
    }


def _models(read: StudyRead, runs: Sequence[str]) -> list[str]:
    return list(map(str, read.data.runs.loc[list(runs), "model"].unique()))


def _nothing_in_common(reads: Sequence[StudyRead], there: Sequence[Sequence[str]]) -> str:
    listed = "; ".join(
        f"{read.label} has {', '.join(models)}" for read, models in zip(reads, there, strict=True)
    )
    return f"no model is in all of these studies: {listed}"


def _common_model(
    name: str, sides: Sequence[ModelRuns], judged: Mapping[Key, Against]
) -> CommonModel:
    names = map(str, sides[0].table)
    everywhere = [each for each in names if all(side.knows(each) for side in sides)]
    tested = dict.fromkeys(quantity for model, quantity, _ in judged if model == name)
    finals = sorted(each for each in everywhere if each.startswith(FINALS))
    shown = [each for each in ("plateau.start", *finals, WORK) if each in everywhere]
    runs = [tuple(map(str, side.about.index)) for side in sides]
    known = [run for of_study in runs for run in of_study]
    return CommonModel(
        name,
        tuple(runs),
        tuple(side.setting("steps") for side in sides),
        len(known) - len(set(known)),
        _differing_settings(sides),
        tuple(
            Quantity(
                quantity,
                WORDS.get(quantity, quantity.replace("final.", "final ")),
                tuple(_cell(quantity, side) for side in sides),
                tuple(test for key, test in judged.items() if key[:2] == (name, quantity)),
            )
            for quantity in dict.fromkeys([*tested, *shown])
        ),
    )


def _differing_settings(sides: Sequence[ModelRuns]) -> dict[str, tuple[str, ...]]:
    keys = dict.fromkeys(str(key) for side in sides for key in side.about)
    settings = [key for key in keys if is_setting(key) and key not in KEPT]
    values = {key: tuple(side.setting(key) for side in sides) for key in settings}
    return {key: found for key, found in values.items() if len(set(found)) > 1}


def _cell(name: str, side: ModelRuns) -> Cell:
    values = side.table[name].dropna()
    if values.empty:
        return Cell(NONE, np.nan, 0, 0)
    lengths = side.lengths(name)
    median, interval = lengths.median(), lengths.span() if len(values) >= SEEDS else None
    words = "∞" if median.value == inf else str(median)
    unknown = int(lengths.censored.sum()) + int(np.isinf(values).sum())
    return Cell(words + span_in_words(interval), median.value, len(values), unknown)


def _test(name: str, other: ModelRuns, first: ModelRuns, tests: int) -> _Test:
    """The estimate for a further study against the first, by what values and seeds allow."""
    shared = _shared_seeds(other, first, max(SEEDS, pairs_needed(tests)))
    values = [side.table[name].dropna() for side in (other, first)]
    if any(of_study.empty for of_study in values):
        return _Test(None, "ratio", "no run has a value")
    bounds = any(side.lengths(name).censored.any() for side in (other, first))
    kind = "ratio" if all((of_study > 0).all() for of_study in values) else "difference"
    if bounds or (name == LENGTH and kind == "difference"):  # a length of 0 is no plateau
        return _of_medians(name, other, first)
    if shared and kind == "ratio":
        pairs = _pairs(name, shared, other, first)
        return _Test(estimates.paired_ratio(*pairs), kind, "pairs, by signed ranks", len(shared))
    if not all(np.isfinite(of_study).all() for of_study in values):
        return _of_medians(name, other, first)
    if shared:
        pairs = _pairs(name, shared, other, first)
        method = "pairs, by Student's t"
        return _Test(estimates.mean_of_differences(*pairs), kind, method, len(shared))
    both = pd.concat(
        [other.table.assign(model="other"), first.table.assign(model="first")], ignore_index=True
    )
    compare = compare_ratio if kind == "ratio" else compare_difference
    found = compare(both, name, "other", "first")
    return _Test(found.estimate, kind, f"{found.kind}, by Welch's t")


def _of_medians(name: str, other: ModelRuns, first: ModelRuns) -> _Test:
    """The ratio of medians, where some values are bounds, infinite, or lengths of 0."""
    estimate = ratio_of_lengths(other.lengths(name), first.lengths(name))
    return _Test(estimate, "ratio", "medians, by order statistics")


def pairs_needed(tests: int) -> int:
    """The fewest pairs with which signed ranks can decide one of so many tests."""
    return ceil(log2(2 * tests / LEVEL))


def _shared_seeds(other: ModelRuns, first: ModelRuns, least: int) -> list[int]:
    """The seeds over which runs are paired: they begin alike, and there are enough of them."""
    keys = {str(key) for side in (other, first) for key in side.about}
    alike = all(other.setting(key) == first.setting(key) for key in keys if key.startswith(ALIKE))
    both = set(other.table["seed"]) & set(first.table["seed"])
    return sorted(both) if alike and len(both) >= least else []


def _pairs(
    name: str, seeds: Sequence[int], other: ModelRuns, first: ModelRuns
) -> tuple[pd.Series[float], pd.Series[float]]:
    one, two = (side.table.set_index("seed")[name].loc[list(seeds)] for side in (other, first))
    known = one.notna() & two.notna()
    return one[known], two[known]


def _notes(reads: Sequence[StudyRead]) -> Iterator[str]:
    """What a reader has to know of how the studies were read."""
    first, *others = reads
    for read in others:
        if read.rule != first.rule:
            yield (
                f"{read.label} reads plateaus by another rule; here those of all studies are read "
                f"by that of {first.label}."
            )
        if best_by(read.metric) != best_by(first.metric):
            yield (
                f"The best configurations were chosen by {best_by(first.metric)} in {first.label} "
                f"and by {best_by(read.metric)} in {read.label}."
            )


def best_by(metric: Metric) -> str:
    """A metric, and which of its values are good."""
    return f"{'large' if metric.maximize else 'small'} {metric}"
