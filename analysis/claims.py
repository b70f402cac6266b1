"""The paper's claims, as data, against what a study measured; written to report/claims.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.censored import Lengths
from analysis.contrast import KIND, PINN, REDUCTION, REGRESSION, Contrast, contrast_of
from analysis.expected import Judged, expected_json
from analysis.load import StudyData
from analysis.plateau import plateau_of
from analysis.remedies import Remedies, remedies_json
from analysis.rules import SCALES, PlateauRule
from analysis.verdicts import (
    Claim,
    Range,
    Side,
    Verdict,
    change,
    decide,
    difference,
    finite,
    level,
    ratio,
)

__all__ = [
    "CLAIMS",
    "OUR_READING",
    "Claim",
    "Verdict",
    "as_json",
    "compare_readings",
    "judge",
    "note_on_losses",
    "readings",
    "write_claims",
]

OUR_READING = (
    "Mean losses with lambda_b = 100 are our reading of the paper, which writes sums over points. "
    "Adam ignores the scale of the loss: the literal reading (sums, lambda_b = 100) equals means "
    "with lambda_b = 22 on the full grid of 14 400 interior and 3 176 supervised points."
)

LONGER = Range("above 1", low=1)
LOWER = Range("below 1", high=1)
POSITIVE = Range("above 0", low=0)
NEGATIVE = Range("below 0", high=0)
TWICE = Range("about 2, read as 1.75 to 2.25", low=1.75, high=2.25)
COMPARABLE = Range("about 1, read as 2/3 to 3/2", low=2 / 3, high=3 / 2)
NEAR_ZERO = Range("near 0, read as -0.1 to 0.1", low=-0.1, high=0.1)

SIDES: dict[str, tuple[str, Side]] = {PINN: ("PINN", "first"), REGRESSION: ("regression", "second")}
"""Of the pair that the claims are about, by kind of objective: the word for it, and which it is."""

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "plateau-longer",
        "The PINN's plateau is longer than the regression model's.",
        "plateau.length",
        ratio,
        LONGER,
    ),
    Claim(
        "plateau-twice-as-long",
        "The PINN's plateau is about twice as long.",
        "plateau.length",
        ratio,
        TWICE,
    ),
    Claim(
        "update-length-comparable",
        "In the plateau both models take updates of comparable length.",
        "inside.mean.update/norm",
        ratio,
        COMPARABLE,
    ),
    Claim(
        "update-length-shorter",
        "In the plateau the PINN's updates are slightly shorter.",
        "inside.mean.update/norm",
        ratio,
        LOWER,
    ),
    Claim(
        "update-cosine-lower",
        "In the plateau the PINN's consecutive updates are less aligned.",
        "inside.mean.update/cosine",
        difference,
        NEGATIVE,
    ),
    Claim(
        "update-cosine-more-variable",
        "In the plateau the cosine of the PINN's consecutive updates varies more within a run.",
        "inside.sd.update/cosine",
        ratio,
        LONGER,
    ),
    Claim(
        "distance-larger",
        "In the plateau the PINN travels a slightly larger distance.",
        "inside.distance",
        ratio,
        LONGER,
    ),
    Claim(
        "distance-per-step-lower",
        "In the plateau the PINN travels a smaller distance per step.",
        "inside.distance_per_step",
        ratio,
        LOWER,
    ),
    Claim(
        "gradient-cosine-pinn-negative",
        "In the PINN's plateau the residual's and the boundary's gradients oppose each other.",
        "inside.mean.gradient/cosine",
        level("first"),
        NEGATIVE,
    ),
    Claim(
        "gradient-cosine-regression-positive",
        "In the regression model's plateau the two gradients agree.",
        "inside.mean.gradient/cosine",
        level("second"),
        POSITIVE,
    ),
    *(
        Claim(
            f"gradient-cosine-{kind}-near-zero",
            f"In the plateau the {word} model's gradient cosine is near zero on average.",
            "inside.mean.gradient/cosine",
            level(side),
            NEAR_ZERO,
        )
        for kind, (word, side) in SIDES.items()
    ),
    *(
        Claim(
            f"gradient-cosine-{kind}-spread-falls",
            f"The {word} model's gradient cosine varies less after the plateau.",
            "sd.gradient/cosine",
            change(side),
            NEGATIVE,
        )
        for kind, (word, side) in SIDES.items()
    ),
    *(
        Claim(
            f"gradient-cosine-{kind}-rises",
            f"The {word} model's two gradients are more aligned after the plateau.",
            "mean.gradient/cosine",
            change(side),
            POSITIVE,
        )
        for kind, (word, side) in SIDES.items()
    ),
)


def judge(table: pd.DataFrame, contrast: Contrast) -> dict[str, Verdict]:
    """The verdict on every claim of CLAIMS, by claim id, from the table of `statistics.per_run`.

    They are about the pair that the study compares, a PINN and a regression model. They are one
    family: their p-values are corrected for their number.
    """
    measured = [claim.measure(table, claim.quantity, contrast) for claim in CLAIMS]
    verdicts = decide(list(zip((claim.range for claim in CLAIMS), measured, strict=True)))
    return {claim.id: verdict for claim, verdict in zip(CLAIMS, verdicts, strict=True)}


def readings(data: StudyData, rule: PlateauRule, runs: Sequence[str]) -> pd.DataFrame:
    """The plateau of every run by each of the three readings.

    Index: `run_id`. Columns: `model`, `seed`, then `<scale>.start` (null for none),
    `<scale>.length`, `<scale>.censored` for the scales ln, relative, absolute.
    """
    table = data.runs.loc[list(runs), ["model", "seed"]]
    for scale in SCALES:
        found = [plateau_of(data.trajectory(run), replace(rule, scale=scale)) for run in runs]
        plateaus = pd.DataFrame([asdict(plateau) for plateau in found], index=table.index)
        table = table.join(plateaus.astype({"start": "Int64"}).add_prefix(f"{scale}."))
    return table


def compare_readings(table: pd.DataFrame, contrast: Contrast | None) -> pd.DataFrame:
    """The table of `readings` in short, side by side.

    Index: `scale`. Columns: `<model>` (median length, Kaplan and Meier's), `<model>.at_least`
    (whether that is a lower bound), `<model>.censored` (runs that never left) of each model, and
    `ratio` of the medians of the pair that the study compares (null without a pair, or where one is
    a bound).
    """
    rows = {}
    for scale in SCALES:
        row: dict[str, float] = {}
        for model, runs in table.groupby("model"):
            lengths = Lengths.of(runs[f"{scale}.length"], runs[f"{scale}.censored"])
            row[f"{model}"], row[f"{model}.at_least"] = lengths.median()
            row[f"{model}.censored"] = int(lengths.censored.sum())
        rows[scale] = {**row, "ratio": _ratio_of_medians(row, contrast) if contrast else nan}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scale")


def _ratio_of_medians(row: Mapping[str, float], contrast: Contrast) -> float:
    if any(row.get(f"{model}.at_least") for model in contrast.models):
        return nan
    return row.get(contrast.first, nan) / (row.get(contrast.second) or nan)


def note_on_losses(data: StudyData, rule: PlateauRule) -> str:
    """Our reading of the losses, and what the runs with the literal one did, if there are any."""
    reduction = data.runs.get(REDUCTION)
    if reduction is None:
        return OUR_READING
    literal = data.runs.index[(data.runs[KIND] == PINN) & (reduction == "sum")]
    told = [_plateau_in_words(data, rule, run_id) for run_id in literal]
    return " ".join([OUR_READING, *told])


def _plateau_in_words(data: StudyData, rule: PlateauRule, run_id: str) -> str:
    trajectory = data.trajectory(run_id)
    plateau = plateau_of(trajectory, rule)
    left = "and had not left it at the end" if plateau.censored else "and left it"
    return f"With sums, run {run_id} was on the plateau for {plateau.length} steps {left}."


def as_json(
    data: StudyData,
    rule: PlateauRule,
    table: pd.DataFrame,
    expected: Iterable[Judged] = (),
    remedies: Remedies | None = None,
    baseline: str | None = None,
) -> dict[str, Any]:
    """Claims with their verdicts, readings, note, what else was compared; plain, without NaN.

    `table` is that of `per_run`, of the runs that are judged. The paper's claims are there where
    the study compares a PINN with a regression model.
    """
    runs = list(table.index)
    contrast = contrast_of(data.runs.loc[runs], baseline)
    verdicts = judge(table, contrast) if contrast and contrast.is_papers else {}
    claims = CLAIMS if verdicts else ()
    short = compare_readings(readings(data, rule, runs), contrast).reset_index()
    return {
        "study": data.name,
        "rule": asdict(rule),
        "runs": runs,
        "claims": [
            {
                "id": claim.id,
                "sentence": claim.sentence,
                "quantity": claim.quantity,
                "claimed": claim.range.words,
                **finite(asdict(verdicts[claim.id])),
            }
            for claim in claims
        ],
        "expected": expected_json(expected),
        "remedies": remedies_json(remedies) if remedies else None,
        "readings": short.astype(object).where(short.notna(), None).to_dict("records"),
        "note": note_on_losses(data, rule) if claims else None,
    }


def write_claims(path: Path, document: Mapping[str, Any]) -> None:
    """Write what `as_json` made as JSON (`report/claims.json`)."""
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
