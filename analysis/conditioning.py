"""How badly a Hessian is conditioned, read off its spectral density, before and after L-BFGS.

A network's Hessian is singular and indefinite: the ratio of its extreme eigenvalues says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.load import StudyData
from pinn_core.trajectory import PRECONDITIONED, read_spectrum

ROUNDING = 1e-14
"""Eigenvalues below so much of the largest are zeros."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Conditioning:
    """What a spectral density says.

    `largest` is the eigenvalue of largest absolute value; `negative` the share of eigenvalues below
    zero; `condition` the largest absolute value over the median one, infinite where that is zero:
    half of all directions are flatter than the steepest by that factor or more.
    """

    largest: float
    negative: float
    condition: float


def conditioning(nodes: Values, weights: Values) -> Conditioning:
    """Of a quadrature of the density, weights adding to 1.

    >>> conditioning(np.array([-1.0, 0.5, 2.0, 100.0]), np.array([0.2, 0.4, 0.3, 0.1]))
    Conditioning(largest=100.0, negative=0.2, condition=100.0)
    """
    sizes = np.abs(nodes)
    largest = float(nodes[sizes.argmax()])
    order = sizes.argsort()
    middle = sizes[order][np.searchsorted(weights[order].cumsum(), 0.5 * weights.sum())]
    negative = float(weights[nodes < -ROUNDING * sizes.max()].sum())
    sound = middle > ROUNDING * sizes.max()
    return Conditioning(largest, negative, float(sizes.max() / middle) if sound else np.inf)


def conditions(data: StudyData, runs: Iterable[str]) -> pd.DataFrame:
    """Of every loss of these runs, at the last step that has a spectrum.

    That is, where there is one, the last step that has one after preconditioning. Columns:
    `run_id`, `model`, `term`, `step`, `preconditioned`, and the fields of `Conditioning`.
    """
    rows = []
    for run_id in runs:
        trajectory = data.trajectory(run_id)
        for name in trajectory:
            kind, _, term = str(name).partition("/")
            if kind not in ("spectrum", PRECONDITIONED):
                continue
            step = _step(trajectory, term)
            if step is None or trajectory[name][step] is None:
                continue
            found = conditioning(*read_spectrum(trajectory[name][step]))
            rows.append(
                {
                    "run_id": run_id,
                    "model": data.runs.loc[run_id, "model"],
                    "term": term,
                    "step": step,
                    "preconditioned": kind == PRECONDITIONED,
                    **vars(found),
                }
            )
    return pd.DataFrame(rows)


def _step(trajectory: pd.DataFrame, term: str) -> int | None:
    """The last one at which the term has a spectrum, if possible one after preconditioning."""
    for kind in (PRECONDITIONED, "spectrum"):
        name = f"{kind}/{term}"
        steps = trajectory[name].dropna().index if name in trajectory else ()
        if len(steps):
            return int(steps[-1])
    return None
