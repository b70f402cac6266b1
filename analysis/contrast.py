"""Which two models of a study are compared by ratios, differences and the paper's claims.

The study says so (`analysis.baseline`), or the objectives in the runs' configurations do: a PINN
is compared with a regression model. Names of models decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

PINN, REGRESSION = "pinn", "regression"
KIND, REDUCTION = "objective.kind", "objective.reduction"
"""Columns of `StudyData.runs`; both values of KIND above are kinds of objectives."""


@dataclass(frozen=True)
class Contrast:
    """Two models: ratios are of the first to the second, differences first minus second.

    With `is_papers` the first is a PINN and the second a regression model: the paper's claims are
    about such a pair.
    """

    first: str
    second: str
    is_papers: bool

    @property
    def models(self) -> tuple[str, str]:
        """Both, in the order of the ratio."""
        return self.first, self.second


def contrast_of(runs: pd.DataFrame, baseline: str | None = None) -> Contrast | None:
    """The pair that a study compares, from the rows of `StudyData.runs` that are compared.

    The baseline is one of the pair where there is one. The other is the only model of the other
    kind (PINN, regression), else the only other model. None where the study leaves it open.
    """
    models = list(map(str, runs["model"].unique()))
    pinn = _model_of_kind(runs, PINN, baseline)
    regression = _model_of_kind(runs, REGRESSION, baseline)
    if pinn and regression and (baseline not in models or baseline in (pinn, regression)):
        return Contrast(pinn, regression, is_papers=True)
    if baseline in models and len(models) == 2:
        (other,) = (model for model in models if model != baseline)
        return Contrast(other, baseline, is_papers=False)
    return None


def models_of(contrast: Contrast | None) -> Sequence[str]:
    """Both models; empty without a pair."""
    return contrast.models if contrast else ()


def _model_of_kind(runs: pd.DataFrame, kind: str, baseline: str | None) -> str | None:
    """The baseline if its objective is of this kind, else the only model whose objective is.

    PINNs whose losses are sums are the paper's literal reading, of which the report has a note:
    they do not count beside others.
    """
    if KIND not in runs:
        return None
    of_kind = runs[runs[KIND] == kind]
    models = list(map(str, of_kind["model"].unique()))
    if baseline in models:
        return baseline
    if len(models) > 1 and REDUCTION in runs:
        models = list(map(str, of_kind.loc[of_kind[REDUCTION] != "sum", "model"].unique()))
    return models[0] if len(models) == 1 else None
