"""All that is said of what explains a study's plateaus: leads, predictions, interventions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.estimates import Estimate
from analysis.explanations.alignment import Aligned, aligned
from analysis.explanations.intervention import Intervention, interventions
from analysis.explanations.lead import Lead, leads_of
from analysis.explanations.prediction import ABOUT, Foretold, beginnings, foretold
from analysis.explanations.recorded import columns_of_probes
from analysis.load import StudyData
from analysis.remedies import Remedies, compare_remedies
from analysis.rules import ExplanationsRule, PlateauRule
from analysis.verdicts import finite

TABLE = (
    *("model", "column", "outcome", "runs", "lead", "low", "high", "resolution"),
    *("tied", "moved", "apart"),
)


@dataclass(frozen=True)
class Explanations:
    """What the columns of a study tell of its plateaus, by model where that matters.

    `aligned` are the models that have runs about their drops, the others are in `without` with
    how many of their runs left a plateau. `foretold` has the curve of the plateaus first.
    """

    aligned: tuple[Aligned, ...]
    without: dict[str, int]
    leads: list[Lead]
    foretold: list[Foretold]
    interventions: list[Intervention]


def explain(
    data: StudyData,
    rule: PlateauRule,
    runs: Sequence[str],
    asked: ExplanationsRule | None = None,
    remedies: Remedies | None = None,
) -> Explanations | None:
    """The explanations of these runs.

    None where no column is asked for and no probe recorded one, or no run left a plateau.
    """
    asked = asked or ExplanationsRule()
    columns = list(asked.columns) or columns_of_probes(data, runs)
    if not columns:
        return None
    of_model: dict[str, list[str]] = {}
    for run in runs:
        of_model.setdefault(str(data.runs.loc[run, "model"]), []).append(run)
    models = [aligned(data, rule, own, columns, asked.window) for own in of_model.values()]
    if not any(len(each.runs) + each.short for each in models):
        return None
    table = beginnings(data, rule, runs, columns)
    there = [name for name in map(str, table) if name not in ABOUT]
    found = foretold(table, rule.curve, there) if len(table) else []
    directions = {each.column: each.direction if each.foretells else 0 for each in found}
    return Explanations(
        aligned=tuple(each for each in models if each.runs),
        without={each.model: each.short for each in models if not each.runs},
        leads=leads_of([each for each in models if each.runs]),
        foretold=found,
        interventions=interventions(
            data, rule, runs, _compared(data, rule, runs, asked, remedies), directions
        ),
    )


def _compared(
    data: StudyData,
    rule: PlateauRule,
    runs: Sequence[str],
    asked: ExplanationsRule,
    remedies: Remedies | None,
) -> list[Remedies]:
    """The remedies of each baseline: as asked for, else those of the study's own one."""
    if not asked.remedies:
        return [remedies] if remedies else []
    found = []
    models = data.runs.loc[list(runs), "model"]
    for baseline in dict.fromkeys(asked.remedies.values()):
        of = {baseline, *(one for one, other in asked.remedies.items() if other == baseline)}
        found.append(compare_remedies(data, rule, list(models.index[models.isin(of)]), baseline))
    return [each for each in found if each]


def columns_there(data: StudyData, runs: Sequence[str]) -> list[str]:
    """The columns with numbers, or lists of them, that any of these runs recorded."""
    return list(dict.fromkeys(name for run in runs for name in map(str, data.trajectory(run))))


def leads_table(found: Explanations | None) -> pd.DataFrame:
    """The leads, a row for each model and column; empty where there is nothing to explain."""
    rows = [
        {
            "model": one.model,
            "column": one.column,
            "outcome": one.outcome,
            "runs": one.runs,
            "lead": one.estimate.number if one.estimate else np.nan,
            "low": one.estimate.interval[0] if one.estimate and one.estimate.interval else np.nan,
            "high": one.estimate.interval[1] if one.estimate and one.estimate.interval else np.nan,
            "resolution": one.resolution,
            "tied": one.tied,
            "moved": one.moved,
            "apart": one.apart,
        }
        for one in (found.leads if found else [])
    ]
    return pd.DataFrame(rows, columns=TABLE).set_index(["model", "column"])


def explanations_json(found: Explanations) -> dict[str, Any]:
    """The numbers as plain data, for claims.json."""
    plain = {
        "models": [
            {
                "model": of.model,
                "window": of.window,
                "cadence": of.cadence,
                "runs": len(of.runs),
                "never left": of.stayed,
                "window not whole": of.short,
                "drops": of.steps_of_drops.tolist(),
                "too seldom": dict(of.seldom),
            }
            for of in found.aligned
        ],
        "leads": [
            {
                "model": one.model,
                "column": one.column,
                "outcome": one.outcome,
                "runs": one.runs,
                **_estimate("lead", one.estimate),
                **_estimate("beyond_loss", one.beyond),
                "p": {"tied": one.tied, "moved": one.moved, "apart": one.apart},
            }
            for one in found.leads
        ],
        "foretold": [asdict(one) for one in found.foretold],
        "interventions": [
            {
                "remedy": one.remedy,
                "column": one.column,
                "outcome": one.outcome,
                "pairs": one.pairs,
                **_estimate("shift", one.shift),
                "p": one.corrected,
                "plateau": one.plateau,
            }
            for one in found.interventions
        ],
    }
    return dict(finite(plain))


def _estimate(name: str, estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {name: None, f"{name}_interval": None}
    return {name: estimate.number, f"{name}_interval": estimate.interval}
