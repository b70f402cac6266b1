"""The result first: what the study was to find out, in a sentence or a few, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import estimates
from analysis.censored import Lengths
from analysis.contrast import Contrast
from analysis.early_ends import early_ends, ended_early
from analysis.effects.matters import Matters
from analysis.effects.searched import END
from analysis.expected import OUTCOMES, Judged
from analysis.load import StudyData
from analysis.metric import Metric, Reached, Unreached
from analysis.ranking import reached_of
from analysis.remedies import Effect, Remedies, Remedy
from analysis.report.effects import share_in_words
from analysis.statistics import LENGTH, Comparison, compare_ratio, median_of
from analysis.verdicts import in_words, ratio_in_words, span_in_words
from analysis.wording import count, model_name, number, plus_minus

FEW = 3  # models, or expected numbers, that a sentence can name
RANKED = 8  # models that one can list with a number each


def headline(
    table: pd.DataFrame,
    contrast: Contrast | None,
    judged: Sequence[Judged] = (),
    remedies: Remedies | None = None,
    matters: Sequence[Matters] = (),
    metric: str = "",
) -> str:
    """The result in a few sentences, what the study asks for first.

    That is the comparison with a baseline where it names one, else `metric`, which ranks the models
    (`by_metric`) where the study goes by another number than the last of the plateau's curve, else
    its expected numbers, else the ratio of the two models it compares, else what matters in the
    search of its only model, else for how long the models stay on their plateaus. `table` is that
    of `statistics.per_run`.
    """
    seen = table[~ended_early(table)]
    lengths = "" if seen.empty else _lengths(seen, contrast)
    searched = _most_important(matters[:FEW])
    last = [lengths, early_ends(table), searched]
    if table["model"].nunique() == 1:  # nothing is compared: the search is what it was for
        last = [searched, lengths, early_ends(table)]
    sentences = [
        *([earliest(remedies), _others(remedies)] if remedies else []),
        metric,
        *([_expected(judged)] if judged else []),
        *last,
    ]
    return " ".join(filter(None, sentences))


def earliest(remedies: Remedies) -> str:
    """The remedy that leaves the plateau first, and whether that is significant."""
    baseline = model_name(remedies.baseline)
    known = [one for one in _candidates(remedies) if one.steps.ratio.number is not None]
    if not known:
        return ""
    best = min(known, key=lambda one: (not _shorter(one.steps), one.steps.ratio.number or 0.0))
    takes = f"{ratio_in_words(best.steps.ratio)} times its steps"
    if _shorter(best.steps):
        return f"{model_name(best.model)} leaves the plateau of {baseline} first, in {takes}."
    return (
        f"No remedy leaves the plateau of {baseline} significantly earlier; "
        f"the earliest, {model_name(best.model)}, takes {takes}."
    )


def shortened(remedies: Remedies) -> str:
    """How many remedies shorten the plateau, in steps, and of these in evaluations and seconds."""
    candidates = _candidates(remedies)
    shorter = _named([one for one in candidates if _shorter(one.steps)])
    remedy = "remedy" if len(candidates) == 1 else "remedies"
    words = (
        f"{len(candidates)} {remedy}; leaving the plateau significantly earlier in steps: {shorter}"
    )
    for quantity in ("evaluations", "seconds"):
        found = [one for one in candidates if _shorter(getattr(one, quantity))]
        if any(getattr(one, quantity).ratio.p is not None for one in candidates):
            words += f"; in {quantity}: {_named(found)}"
    return f"{words}."


def _others(remedies: Remedies) -> str:
    """How many remedies do the same, where there are several."""
    return shortened(remedies) if len(_candidates(remedies)) > 1 else ""


def _candidates(remedies: Remedies) -> list[Remedy]:
    return [one for one in remedies.ranked if not one.reference]


def _named(remedies: Sequence[Remedy]) -> str:
    return ", ".join(model_name(one.model) for one in remedies) or "none"


def _shorter(effect: Effect) -> bool:
    return effect.ratio.outcome == "holds"


def _expected(judged: Sequence[Judged]) -> str:
    """How many expected numbers came out, and what was measured of a few."""
    outcomes = Counter(each.outcome for each in judged)
    each = ", ".join(f"{outcomes[one]} {one}" for one in OUTCOMES.values() if outcomes[one])
    words = f"Of {count(len(judged), 'expected number')}: {each}."
    measured = [one for one in judged if one.ours.median is not None]
    if len(judged) > FEW or not measured:
        return words
    named = "; ".join(
        f"{model_name(one.expectation.model)} {one.expectation.metric} "
        f"{number(one.ours.median)}{span_in_words(one.ours.interval)}, expected "
        f"{one.expectation.words()}"
        for one in measured
    )
    return f"{words} {named}."


def by_metric(data: StudyData, runs: Sequence[str], metric: Metric) -> str:
    """The models by their medians over these runs, the best first; empty for a single model."""
    models = data.runs.loc[list(runs), "model"].map(str)
    reached = {
        model: [reached_of(data, str(run_id), metric) for run_id in of_model.index]
        for model, of_model in models.groupby(models)
    }
    if len(reached) < 2:
        return ""
    ranked = sorted(reached, key=lambda model: metric.rank(metric.median(reached[model])))
    words = [f"{model_name(model)} {_median(reached[model], metric)}" for model in ranked]
    if len(words) > RANKED:
        words = [*words[:FEW], f"the worst, {words[-1]}"]
    return f"Median {metric.heading}: {', '.join(words)}."


def _median(reached: Sequence[Reached], metric: Metric) -> str:
    found = metric.median(reached)
    if isinstance(found, Unreached):
        return f"≥ {number(found.at_least)}"
    known = [value for value in reached if isinstance(value, float)]
    if found is None or len(known) < len(reached):
        return number(found)
    return number(found) + span_in_words(estimates.median(known).interval)


def _lengths(table: pd.DataFrame, contrast: Contrast | None) -> str:
    models = dict(iter(table.groupby("model", sort=False)))
    lasted = [f"{model_name(model)} {_lasted(runs)}" for model, runs in models.items()]
    ratio = compare_ratio(table, LENGTH, *contrast.models) if contrast else None
    if ratio is not None and ratio.estimate is not None and contrast is not None:
        of_both = [
            each for each, model in zip(lasted, models, strict=True) if model in contrast.models
        ]
        return f"{_compared(ratio, ratio.estimate, contrast)}; steps: {', '.join(of_both)}."
    if len(models) > FEW:
        return _range_of_lengths(models)
    return f"Steps on the plateau: {', '.join(lasted)}."


def _compared(found: Comparison, ratio: estimates.Estimate, contrast: Contrast) -> str:
    """How many times as long one plateau lasts as the other, or why that is not known."""
    one, other = map(model_name, contrast.models)
    if ratio.bound == "unknown":
        why = _stay(found, one, other)
        return f"How the plateaus of {one} and {other} compare is not known, because {why}"
    times = f"{in_words(ratio)} times as long as that of {other}"
    return f"The plateau of {one} lasts {times} (ratio of the {found.kind})"


def _stay(found: Comparison, *models: str) -> str:
    """That no run of two models has left its plateau, or so few that both medians are bounds."""
    none = [stayed == runs for stayed, runs in zip(found.censored, found.seeds, strict=True)]
    if all(none):
        return "no run of either model has left its plateau"
    if not any(none):
        return "no more than half of the runs of either model have left their plateaus"
    stayed, left = models if none[0] else reversed(models)
    return (
        f"no run of {stayed} has left its plateau, and no more than half of the runs of {left} have"
    )


def _lasted(runs: pd.DataFrame) -> str:
    """Mean and spread of a model's lengths, or their median where some are lower bounds."""
    lengths = Lengths.of(runs[LENGTH], runs["plateau.censored"])
    span = lengths.span() if len(runs) >= estimates.SEEDS else None
    if lengths.censored.any():
        return f"median {lengths.median()}{span_in_words(span)} ({count(len(runs), 'run')})"
    length = plus_minus(runs[LENGTH].mean(), runs[LENGTH].std())
    return f"{length} ({count(len(runs), 'run')})"


def _range_of_lengths(models: Mapping[Any, pd.DataFrame]) -> str:
    stayed = [model for model, runs in models.items() if runs["plateau.censored"].all()]
    left = {
        model_name(model): median_of(runs) for model, runs in models.items() if model not in stayed
    }
    words = f"{len(models)} models."
    if left:
        shortest, longest = min(left, key=left.__getitem__), max(left, key=left.__getitem__)
        words += f" Median steps on the plateau: {left[shortest]}"
        differ = left[shortest] < left[longest]
        words += f" ({shortest}) to {left[longest]} ({longest})." if differ else "."
    if stayed:
        words += f" No run left its plateau: {', '.join(map(model_name, stayed))}."
    return words


def _most_important(matters: Sequence[Matters]) -> str:
    """What matters most in each search: for how long the plateau lasts, else for the metric."""
    named = []
    for found in matters:
        known = [
            (target, one)
            for target in (END, str(found.searched.metric))
            for one in found.importances.get(target, ())
            if one.beyond_chance
        ]
        if known:
            target, one = known[0]
            model = model_name(found.searched.model)
            named.append(f"{model} {one.key} for {target} ({share_in_words(one)})")
    return f"What matters most in the search: {'; '.join(named)}." if named else ""
