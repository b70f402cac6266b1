"""How often loss terms conflict, from the gradients to the update as it is applied, over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.load import StudyData

# Columns of a trajectory (``CONFLICT`` of its record) and what their mean over steps is.
RATES = {
    "conflict/raw": "R_g, gradients",
    "conflict/direction": "R_a, direction",
    "conflict/proposal": "R_u, proposal",
    "conflict/applied": "R_p, applied",
    "conflict/alignment": "alignment A",
}


def conflict_rates(data: StudyData, runs: Sequence[str]) -> pd.DataFrame:
    """The model of every run that recorded conflicts, and the means over its steps.

    The index are the run ids, the columns `model` and those of `RATES`; empty where none did.
    """
    found = {}
    for run_id in runs:
        trajectory = data.trajectory(run_id)
        if set(RATES) <= set(trajectory.columns):
            means = trajectory[[*RATES]].mean()
            found[run_id] = {"model": data.runs.loc[run_id, "model"], **means}
    return pd.DataFrame.from_dict(found, orient="index", columns=["model", *RATES])
