"""Configurations that no other one beats in metric and cost: the Pareto front of a search."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.load import StudyData
from analysis.metric import Metric
from analysis.ranking import ranking


def with_costs(data: StudyData, metric: Metric, costs: Mapping[str, float]) -> pd.DataFrame:
    """The table of `ranking` with two more columns, `cost` and `front`.

    `costs` are by run id, `front` says whether no other one of the model beats it in both. A
    configuration without a number, or that never reached the metric's level in most of its runs, is
    not on the front.
    """
    table = ranking(data, metric)
    table["cost"] = table["run_id"].map(dict(costs)).astype(float)
    known = table["reached"]
    cheapest = table["cost"].where(known).groupby(level="model").cummin()
    before = cheapest.groupby(level="model").shift(fill_value=np.inf)
    table["front"] = known & (table["cost"] < before.fillna(np.inf))
    return table
