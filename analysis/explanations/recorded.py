"""Which columns may explain a plateau, and their values as numbers over the steps.

A cell of a trajectory holds a number or a list of numbers (a length for each layer); each place of
a list is a column of its own here, `layer_gradients/residual[0]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from analysis.load import StudyData

COSINE = "gradient/cosine"
"""Of which the probe `pairwise_cosine` records the parts."""
USUAL = ("update/norm", "update/cosine", COSINE)
"""Columns that every run records, looked at beside those of probes."""
LONGEST = 8
"""Places of a list that are columns; a longer list is a spectrum or a histogram."""


def columns_of_probes(data: StudyData, runs: Sequence[str]) -> list[str]:
    """The columns of the probes that these runs had, with the usual ones; none without a probe."""
    about = data.runs.loc[list(runs)]
    keys = [key for key in map(str, about) if key.startswith("record.probes.")]
    kinds = {
        str(kind) for key in keys if key.endswith(".kind") for kind in about[key].dropna().unique()
    }
    if not kinds:
        return []
    names = dict.fromkeys(name for run in runs for name in map(str, data.trajectory(run)))
    probed = [name for name in names if name.partition("/")[0] in kinds]
    usual = [name for name in USUAL if name in names]
    if "pairwise_cosine" in kinds:
        usual = [name for name in usual if name != COSINE]
    return [*probed, *usual] if probed else []


def numbers(trajectory: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The columns as numbers, NaN where there is none; a list's places as columns of their own.

    A name may have a place (`layer_gradients/residual[0]`) or stand for all places of its lists.
    What a run did not record is left out.
    """
    found: dict[str, pd.Series[float]] = {}
    for name in names:
        plain = name.partition("[")[0]
        if plain not in trajectory:
            continue
        values = trajectory[plain]
        if values.dtype == object and len(known := values.dropna()):
            lists = pd.DataFrame([np.atleast_1d(cell) for cell in known], known.index)
            if lists.shape[1] > LONGEST and plain == name:
                continue
            single = lists.shape[1] == 1
            places = {name if single else f"{plain}[{at}]": lists[at] for at in lists}
            found |= {key: of for key, of in places.items() if name in (plain, key)}
        else:
            found[name] = values
    frame = pd.DataFrame(found, index=trajectory.index, dtype=float)
    return frame.replace([np.inf, -np.inf], np.nan)


def cadence_of(values: pd.Series[float]) -> int:
    """After how many steps a column comes again, the usual gap; 0 where it comes but once."""
    steps = values.dropna().index.to_numpy()
    return int(np.median(np.diff(steps))) if len(steps) > 1 else 0
