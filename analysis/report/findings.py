"""What was found: the result in a sentence, claims, plateaus, the best configurations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.censored import Lengths
from analysis.claims import CLAIMS, compare_readings, judge
from analysis.contrast import Contrast
from analysis.load import StudyData
from analysis.metric import Metric
from analysis.ranking import ranking
from analysis.report.rows import Rows, text
from analysis.rules import SCALES, PlateauRule
from analysis.wording import NONE, count, model_name, number, plus_minus

FEW = 3  # models that stand side by side
SINGLE = ": 1 of 1 configuration"
BEST = 5  # configurations of each model that are shown


class ClaimRow(NamedTuple):
    """A claim of the paper, its verdict and what was measured."""

    outcome: str
    sentence: str
    measured: str


def claim_rows(table: pd.DataFrame, contrast: Contrast) -> list[ClaimRow]:
    """Every claim of the paper with its verdict, from the table of `statistics.per_run`."""
    verdicts = judge(table, contrast)
    return [
        ClaimRow(verdicts[claim.id].outcome, claim.sentence, verdicts[claim.id].text)
        for claim in CLAIMS
    ]


def tally(claims: list[ClaimRow]) -> str:
    """How many claims hold, in words."""
    counts = Counter(claim.outcome for claim in claims)
    return (
        f"Of {count(len(claims), 'claim')} {counts['holds']} hold, {counts['does not hold']} do "
        f"not, and {counts['not decidable']} cannot be decided from these runs."
    )


def reading_rows(table: pd.DataFrame, rule: PlateauRule, contrast: Contrast | None) -> Rows:
    """The three readings of the plateau side by side, from the table of `claims.readings`."""
    models = dict(iter(table.groupby("model", sort=False)))
    ratios = compare_readings(table, contrast)["ratio"].to_dict()
    cells = [
        (
            f"{scale} (this report's)" if scale == rule.scale else scale,
            *(_lengths(of_model, scale) for of_model in models.values()),
            *([number(ratios[scale])] if contrast else []),
        )
        for scale in SCALES
    ]
    rows = Rows(
        ("reading", *map(model_name, models), *(["ratio of medians"] if contrast else [])), cells
    )
    return rows.turned("model") if len(models) > FEW else rows


def _lengths(runs: pd.DataFrame, scale: str) -> str:
    lengths, censored = runs[f"{scale}.length"], runs[f"{scale}.censored"]
    median = f"median {Lengths.of(lengths, censored).median()}"
    if censored.any():
        return f"{median}, {int(censored.sum())} of {len(runs)} never left"
    words = plus_minus(lengths.mean(), lengths.std())
    return f"{words}, {median}" if len(runs) > 1 else words


def lengths_by_seed(table: pd.DataFrame, rule: PlateauRule) -> Rows:
    """Each seed's plateau under the report's rule, from the table of `claims.readings`."""
    columns = [f"{rule.scale}.{field}" for field in ("start", "length", "censored")]
    plateaus = {
        (model, seed): _plateau(*plateau)
        for model, seed, *plateau in table[["model", "seed", *columns]].itertuples(index=False)
    }
    models = list(table["model"].unique())
    cells = [
        (str(seed), *(plateaus.get((model, seed), NONE) for model in models))
        for seed in sorted(table["seed"].unique())
    ]
    rows = Rows(("seed", *(f"{model_name(model)} (steps)" for model in models)), cells)
    return rows.turned("seed") if len(models) > max(FEW, len(cells)) else rows


def _plateau(start: int | None, length: int, censored: bool) -> str:
    if pd.isna(start):
        return "ended too early" if censored else "none"
    if censored:
        return f"≥ {length} (from {start}, never left)"
    return f"{length} (from {start} to {start + length})"


def best(data: StudyData, metric: Metric) -> dict[str, Rows]:
    """The best configurations of each model; models of one configuration each, best first."""
    tables = {}
    models = [settings for _, settings in ranking(data, metric).groupby(level="model", sort=False)]
    if all(len(settings) == 1 for settings in models):
        sign = -1 if metric.maximize else 1
        models.sort(
            key=lambda settings: np.nan_to_num(sign * settings["value"].iloc[0], nan=np.inf)
        )
    for settings in models:
        model = settings.index[0][0]
        varied = [key for key in data.varied if key in settings and settings[key].nunique() > 1]
        top = settings.head(BEST).reset_index()
        score = top["value"].notna() & ~top["reached"]
        shown = zip(top["value"], score, strict=True)
        top["value"] = ["not reached" if unreached else number(value) for value, unreached in shown]
        columns = ["rank", *varied, "value", "seeds", "run_id"]
        cells = [tuple(map(text, row)) for row in top[columns].itertuples(index=False)]
        title = f"{model_name(model)}: {len(cells)} of {count(len(settings), 'configuration')}"
        tables[title] = Rows(("rank", *varied, metric.heading, "runs", "run"), cells)
    return _single_ones_together(tables)


def front_rows(table: pd.DataFrame, varied: Sequence[str], metric: str, cost: str) -> Rows:
    """The configurations on the front of their model, from the cheapest on."""
    front = table[table["front"]].reset_index().sort_values(["model", "cost"])
    keys = [key for key in varied if key in front]
    cells = []
    for _, row in front.iterrows():
        numbers = number(row["cost"]), number(row["value"])
        cells.append((model_name(str(row["model"])), *numbers, *map(text, row[keys])))
    return Rows(("model", cost, metric, *keys), cells)


def _single_ones_together(tables: dict[str, Rows]) -> dict[str, Rows]:
    """Models of one configuration each in one table, if there are several."""
    single = {title: rows for title, rows in tables.items() if title.endswith(SINGLE)}
    if len(single) < 2:
        return tables
    others = {title: rows for title, rows in tables.items() if title not in single}
    cells = [(title.removesuffix(SINGLE), *rows.cells[0][-3:]) for title, rows in single.items()]
    header = next(iter(single.values())).header[-3:]
    return {**others, "Models of one configuration": Rows(("model", *header), cells)}
