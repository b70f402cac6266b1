"""What was compared: expected numbers, remedies, results by setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from analysis.early_ends import ended_early
from analysis.estimates import SEEDS
from analysis.expected import Judged
from analysis.load import StudyData
from analysis.plateau import summary_metrics
from analysis.remedies import Effect, Remedies, Remedy
from analysis.report.headline import earliest, shortened
from analysis.report.rows import Rows, text
from analysis.rules import PlateauRule, where_in_words
from analysis.statistics import LENGTH, median_of
from analysis.verdicts import ratio_in_words, span_in_words
from analysis.wording import NONE, count, model_name, number, plus_minus

EXPECTED: tuple[str, ...] = (
    *("verdict", "model", "number", "expected", "median", "mean ± sd", "ratio", "runs"),
)
FEW = 3  # models that a sentence can name
OF = {"final": "", "best": ", best", "inside": ", mean in plateau", "after": ", mean after it"}
BY_SETTING = {"final.error/relative_l2": "Final relative L2 error", LENGTH: "Plateau"}


def expected_rows(judged: Sequence[Judged]) -> Rows:
    """Every expected number, its verdict and what was measured."""
    header = EXPECTED
    cells: list[tuple[str, ...]] = [
        (
            each.outcome,
            model_name(each.expectation.model),
            _number_in_words(each),
            each.expectation.words(),
            number(each.ours.median) + span_in_words(each.ours.interval),
            NONE if each.ours.mean is None else _spread(each.ours.mean, each.ours.sd),
            number(each.ratio),
            each.verdict.text,
        )
        for each in judged
    ]
    sources = [each.expectation.source for each in judged]
    if any(sources):
        cells = [(*row, source or NONE) for row, source in zip(cells, sources, strict=True)]
        header = (*header, "source")
    return Rows(header, cells)


def _number_in_words(each: Judged) -> str:
    found = each.expectation
    place = f" where {where_in_words(found.where)}" if found.where else ""
    return f"{found.metric}{OF[found.of]}{place}"


def _spread(mean: float, sd: float | None) -> str:
    return plus_minus(mean, float("nan") if sd is None else sd)


def remedies_in_words(found: Remedies) -> str:
    """How the models were compared, what was found, and what too few seeds left open."""
    baseline = model_name(found.baseline)
    words = [
        f"Each model against {baseline}, paired over seeds (at most {found.seeds}).",
        _to_the_level(found, baseline),
        earliest(found),
        shortened(found),
    ]
    if found.seeds < SEEDS:
        words.append(f"At least {SEEDS} seeds are needed for a test.")
    elif found.seeds < found.seeds_needed:
        words.append(
            f"With {found.seeds} seeds no remedy can become significant after the correction, "
            f"however clear it is: that needs {found.seeds_needed}. The intervals are not "
            "corrected."
        )
    if found.level is None:
        return " ".join(words)
    stayed = max((one.stayed[1] for one in found.ranked), default=0)
    if stayed:
        words.append(
            f"{count(stayed, 'run')} of {baseline} never came down to it or diverged; each counts "
            "with the steps of the longest, so that true ratios are smaller."
        )
    of_remedies = [one.model for one in found.ranked if one.stayed[0]]
    if of_remedies:
        words.append(
            f"Some runs of {', '.join(map(model_name, of_remedies))} never did; each counts as no "
            "shorter than the baseline's longest run: true ratios may be larger."
        )
    if stayed and of_remedies:
        words.append("A pair in which neither did counts as a ratio of 1.")
    return " ".join(words)


def _to_the_level(found: Remedies, baseline: str) -> str:
    """What counts as having left the plateau, for every model the same."""
    if found.level is None:
        return f"No run of {baseline} left its plateau: nothing can be compared."
    origin = (
        "the level that the study names."
        if found.named
        else f"the median of {baseline} where its fall shows that its plateau has ended."
    )
    return (
        "A run has left the plateau where its smoothed curve is down to "
        f"{number(found.level)}, {origin}"
    )


def remedy_rows(found: Remedies) -> Rows:
    """A row per model, the fewest steps first."""
    header = (
        "model",
        "seeds",
        "own plateau",
        "steps to the level",
        "ratio",
        "difference (steps)",
        "p (Holm)",
        "in evaluations",
        "p (Holm)",
        "in seconds",
        "p (Holm)",
        "error ratio",
        "p (Holm)",
        "cost of a step",
        "never left",
        "diverged",
    )
    return Rows(header, [_baseline(found), *map(_remedy, found.ranked)])


def _baseline(found: Remedies) -> tuple[str, ...]:
    most = max(found.ranked, key=lambda one: one.seeds)
    return (
        f"{model_name(found.baseline)} (baseline)",
        str(most.seeds),
        str(most.plateaus[1]),
        _median(most.steps, 1),
        "1",
        NONE,
        NONE,
        *("1", NONE) * 3,
        "× 1",
        f"{most.stayed[1]} of {most.seeds}",
        str(most.diverged[1]),
    )


def _remedy(one: Remedy) -> tuple[str, ...]:
    steps = one.steps
    return (
        f"{model_name(one.model)} (reference)" if one.reference else model_name(one.model),
        str(one.seeds),
        str(one.plateaus[0]),
        _median(steps, 0),
        ratio_in_words(steps.ratio),
        number(steps.difference) + span_in_words(steps.difference_interval),
        _p(steps.ratio.corrected),
        *(
            cell
            for effect in (one.evaluations, one.seconds, one.error)
            for cell in (ratio_in_words(effect.ratio), _p(effect.ratio.corrected))
        ),
        NONE if one.cost is None else f"× {one.cost:.2g}",
        f"{one.stayed[0]} of {one.seeds}",
        str(one.diverged[0]),
    )


def _median(effect: Effect, place: int) -> str:
    return NONE if effect.medians is None else str(effect.medians[place])


def _p(value: float | None) -> str:
    return NONE if value is None else f"{value:.2g}"


def by_setting(data: StudyData, rule: PlateauRule) -> dict[str, Rows]:
    """The reruns' results: a row per setting, a column per model; empty below two settings.

    Where there are more models than settings, and than fit side by side, each has a row.
    """
    reruns = data.runs[data.runs["stage"] == "rerun"]
    if reruns.groupby("model")["setting"].nunique().max() < 2:
        return {}
    rows = [summary_metrics(data.trajectory(str(run_id)), rule) for run_id in reruns.index]
    table = reruns.join(pd.DataFrame(rows, index=reruns.index))
    varied = [key for key in data.varied if table[key].nunique() > 1]
    header = (*varied, *map(model_name, table["model"].unique()))
    found = {
        title: Rows(header, list(_settings(table, varied, quantity)))
        for quantity, title in BY_SETTING.items()
        if quantity in table and table[quantity].notna().any()
    }
    return {title: _settings_across(rows, len(varied)) for title, rows in found.items()}


def _settings_across(rows: Rows, keys: int) -> Rows:
    """The table with a row for each model, if that makes it narrower; `keys` come first."""
    models = len(rows.header) - keys
    if models <= max(FEW, len(rows.cells)):
        return rows
    settings = [
        ", ".join(f"{key}={value}" for key, value in zip(rows.header, cells, strict=False))
        for cells in (cells[:keys] for cells in rows.cells)
    ]
    columns = zip(*(cells[keys:] for cells in rows.cells), strict=True)
    cells = [(model, *results) for model, results in zip(rows.header[keys:], columns, strict=True)]
    return Rows(("model", *settings), cells)


def _settings(table: pd.DataFrame, varied: list[str], quantity: str) -> Iterator[tuple[str, ...]]:
    models = list(table["model"].unique())
    seeds = table.groupby(["model", "setting"]).size()
    alike = seeds.nunique() == 1
    for setting, runs in sorted(
        table.groupby(varied, dropna=False, sort=False),
        key=lambda group: tuple(map(_order, group[0])),
    ):
        cells = (_cell(runs[runs["model"] == model], quantity, alike) for model in models)
        yield *map(text, setting), *cells


def _order(value: Any) -> tuple[int, float, str]:  # noqa: ANN401
    """Numbers by size, then text, then what is not there."""
    if pd.isna(value):
        return 2, 0.0, ""
    if isinstance(value, str):
        return 1, 0.0, value
    return 0, float(value), ""


def _cell(runs: pd.DataFrame, quantity: str, alike: bool) -> str:
    values = runs.loc[~ended_early(runs), quantity].dropna()
    if values.empty:
        return f"{len(runs)} diverged" if runs["diverged_at"].notna().any() else NONE
    some = "" if alike and len(values) == len(runs) else f" ({len(values)})"
    if quantity == LENGTH and runs["plateau.censored"].any():
        return f"median {median_of(runs)}{some}"
    return plus_minus(values.mean(), values.std()) + some
