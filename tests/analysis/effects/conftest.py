"""A search in memory whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
import pandas as pd
import pytest

from analysis.effects.axes import axis_of
from analysis.effects.searched import Searched
from analysis.metric import Metric

Search = Callable[..., Searched]


@pytest.fixture
def search() -> Search:
    """Runs of a rate (a range) that decides both targets, and a depth that decides nothing.

    The value falls with the rate, and the plateau ends at 300 / (rate's place, 1 to 2) steps; of
    every tenth run it never ends, and another tenth diverged.
    """

    def make(count: int = 80, *, draws_at_random: bool = True) -> Searched:
        random = np.random.default_rng(1)
        index = pd.Index([f"{place:016x}" for place in range(count)], name="run_id")
        keys = pd.DataFrame(
            {
                "phases.0.learning_rate": 10 ** random.uniform(-4, -2, count),
                "network.depth": random.choice([1, 2, 3], count),
                "network.activation": random.choice(["tanh", "sin"], count),
            },
            index,
        )
        place = np.log10(keys["phases.0.learning_rate"]) + 4
        runs = pd.DataFrame(
            {
                "value": np.exp(-place + 0.1 * random.normal(size=count)),
                "end": np.round(300 / (1 + place / 2) + random.uniform(0, 5, count)),
                "stays": 1000.0,
                "last": 1000.0,
                "regime": "left",
                "setting": index,
            },
            index,
        )
        runs.loc[index[::10], ["end", "regime"]] = [inf, "never left"]
        ends = ["value", "end", "stays", "last", "regime"]
        runs.loc[index[5::10], ends] = [np.nan, inf, inf, 40.0, "diverged"]
        return Searched(
            model="pinn",
            metric=Metric.read("loss/regression"),
            runs=runs,
            axes=tuple(axis_of(key, keys[key]) for key in keys),
            pruned=0,
            draws_at_random=draws_at_random,
        )

    return make
