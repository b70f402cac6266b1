"""How badly a Hessian is conditioned, read off its spectral density, before and after L-BFGS.

A network's Hessian is singular and indefinite, and forty products with it do not tell the many
eigenvalues near zero apart: of its smallest ones, their sign included, a density says nothing that
a second random start would repeat. So both numbers are about eigenvalues that it does resolve.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.load import StudyData
from pinn_core.records.trajectory import PRECONDITIONED, read_spectrum

RESOLVED = 1e-4
"""Eigenvalues whose size is below so much of the largest count as zeros."""
SHARE = 0.01
"""Of all directions, those that a condition number is about."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Conditioning:
    """What a spectral density says.

    `largest` is the eigenvalue of largest absolute value; `negative` the share of eigenvalues below
    zero by more than RESOLVED of it; `condition` the largest absolute value over that which the
    steepest 1 % (SHARE) of all directions exceed, infinite where that is zero.
    """

    largest: float
    negative: float
    condition: float


def conditioning(nodes: Values, weights: Values) -> Conditioning:
    """Of a quadrature of the density, weights adding to 1.

    >>> conditioning(np.array([-1e-9, 0.5, 2.0, 100.0]), np.array([0.2, 0.4, 0.395, 0.005]))
    Conditioning(largest=100.0, negative=0.0, condition=50.0)
    """
    sizes = np.abs(nodes)
    largest = float(nodes[sizes.argmax()])
    falling = sizes.argsort()[::-1]
    exceeded = weights[falling].cumsum() >= SHARE * weights.sum()
    there = float(sizes[falling][exceeded.argmax()])
    negative = float(weights[nodes < -RESOLVED * abs(largest)].sum())
    return Conditioning(largest, negative, abs(largest) / there if there else np.inf)


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
            recorded = trajectory[name].dropna()
            if step is None or step not in recorded.index:
                continue
            found = conditioning(*read_spectrum(list(recorded[step])))
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
        if name in trajectory and trajectory[name].notna().any():
            return int(trajectory[name].dropna().index[-1])
    return None
