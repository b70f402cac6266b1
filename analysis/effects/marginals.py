"""The effect of one hyperparameter: median and middle half of a target at each of its values."""

from __future__ import annotations

from math import ceil

import numpy as np
import pandas as pd

from analysis.effects.axes import Axis

HALF = {"low": 0.25, "median": 0.5, "high": 0.75}
WINDOW = 0.2  # share of the runs that a running quantile is of
FEWEST = 7  # runs that it is of at least


def at_values(axis: Axis, target: pd.Series[float]) -> pd.DataFrame:
    """Of every value of a list: `runs`, and `low`, `median`, `high`, the quartiles of the target.

    Index: the value's place in `axis.levels`; values that no run of the target has are absent.
    Quartiles are values of runs, infinite ones included.
    """
    places = axis.numbers.loc[target.index].astype(int)
    groups = {place: target[places == place] for place in sorted(set(places))}
    rows = {place: {"runs": len(of), **_quartiles(of)} for place, of in groups.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def running(axis: Axis, target: pd.Series[float]) -> pd.DataFrame:
    """Running quartiles along a range.

    Each is of the WINDOW of all runs whose numbers are nearest; index: the window's middle number.
    """
    numbers = axis.numbers.loc[target.index].sort_values(kind="stable")
    values = target.loc[numbers.index]
    window = min(len(values), max(FEWEST, ceil(WINDOW * len(values))))
    rows = {}
    for first in range(len(values) - window + 1):
        inside = slice(first, first + window)
        rows[float(numbers.iloc[inside].median())] = _quartiles(values.iloc[inside])
    return pd.DataFrame.from_dict(rows, orient="index")


def _quartiles(values: pd.Series[float]) -> dict[str, float]:
    ordered = values.to_numpy()
    found = np.quantile(ordered, list(HALF.values()), method="inverted_cdf")
    return dict(zip(HALF, map(float, found), strict=True))
