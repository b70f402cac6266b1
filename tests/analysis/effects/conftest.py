"""A search in memory whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np
import pandas as pd
import pytest

from analysis.effects.axes import axis_of
from analysis.effects.searched import Searched
from analysis.metric import Metric

Search = Callable[..., Searched]
STEPS = 1000.0
"""The length of every run that did not diverge."""


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
                "unreached": False,
                "end": np.round(300 / (1 + place / 2) + random.uniform(0, 5, count)),
                "stays": STEPS,
                "last": STEPS,
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


def partly_reached(found: Searched) -> Searched:
    """The same search by steps to a level, which runs with a small rate never reached.

    Their scores lie above all numbers of steps.
    """
    value = found.runs["value"]
    unreached = (found.axes[0].numbers < 10**-3.2) & value.notna()
    steps = (STEPS * value / value.max()).mask(unreached, STEPS * (1.5 + value / 10))
    metric = Metric.read("steps_to(loss/regression, 1)")
    return replace(found, runs=found.runs.assign(value=steps, unreached=unreached), metric=metric)
