"""What the first steps of a run took: steps, evaluations and seconds."""

from __future__ import annotations

import numpy as np
import pandas as pd

SPENT = ("steps", "evaluations", "seconds")
SECONDS = "time/step_seconds"
EVALUATIONS, PRODUCTS = "work/evaluations", "work/products"
OF_A_PRODUCT = 2
"""Evaluations that a Hessian-vector product counts as: it differentiates a gradient once more."""


def spent(trajectory: pd.DataFrame, steps: int) -> dict[str, float]:
    """What the first steps of a trajectory (index: step) took, by quantity of SPENT."""
    return {
        "steps": float(steps),
        "evaluations": _evaluations(trajectory, steps),
        "seconds": _seconds(trajectory, steps),
    }


def _evaluations(trajectory: pd.DataFrame, steps: int) -> float:
    """Evaluations of the first steps; NaN if not recorded."""
    if EVALUATIONS not in trajectory:
        return np.nan
    work = trajectory[EVALUATIONS].astype(float)
    if PRODUCTS in trajectory:
        work = work + OF_A_PRODUCT * trajectory[PRODUCTS].astype(float)
    return float(work.loc[steps] - work.iloc[0])


def _seconds(trajectory: pd.DataFrame, steps: int) -> float:
    """Seconds of the first steps without the very first, which includes the set-up."""
    if SECONDS not in trajectory:
        return np.nan
    return float(trajectory[SECONDS].astype(float).loc[1 : steps - 1].sum())
