"""How to search the reference study's space: random, TPE, GP, with and without pruning, replayed.

All 1 980 runs of the study `plateaus` are known (``pinn_sweeps.data``), so that a search trains
nothing: the program's own search asks for configurations, and what they reach is looked up. Its
pruners judge packs as the program makes them, by the values that the data set has at a rung or just
before it. A run that was stopped costs the part of its operations that it was trained.

A search is judged by the best configuration that was trained to its end: its place in the grid, and
its value over the grid's best; and by whether its three most important hyperparameters are those of
the whole grid. All values are those of one seed, so that a search may find what was lucky.
``benchmarks.reseeded`` trains more seeds of the grid's best and of random configurations. By these
what was found is judged again: the mean last loss over the new seeds alone, for seed 0 was
what the search chose by, over the lowest such mean of any configuration.

Expected, written before the first run: TPE with successive halving finds a configuration within 5 %
of the grid's best last loss for at most 5 % of the grid's operations.

Expected, written before the new seeds were trained (50 reruns of each model's best were known: they
end at 0.040 and 0.046 on average, so that seed 0, with 0.042 and 0.044, was no lucky one): the best
PINN by seed 0 is the best by means too, for its second place ended 1.4 times as high; the best
regression model may not be, for its second place ended 1.17 times as high, where seeds spread by
30 %. The ratio of what a search finds to the best, in the median of its repetitions, differs
between means and seed 0 by less than a factor of 1.3, and the order of the ways to search stays.
The ranks of seed 0 and of the means correlate by at least 0.8 among the best 20, whose means spread
by far more than the seeds of one configuration do, and by at least 0.9 among the 40 random ones.

Rows: model, goal, sampler, pruner, runs (asked for), repetition, cost (share of the grid's
operations), place (in the grid, from 1), over (value over the grid's best, 1 is the best; of the
last loss of that configuration), found (its run in the data set), reached (whether the level was,
by the best), important (whether the three most important hyperparameters are the grid's; None where
they cannot be told).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.metric import Metric
from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.means import Means
from benchmarks.plotting import PALETTE, plain_log, saved, subplots
from benchmarks.replay import GOALS, LAST, LEVEL, STEPS, Grid, Tried, carried_out, three_of
from pinn_sweeps.data import plateaus
from sweeps.store.results import Pruned
from sweeps.study.study import load_study

SIZES = (24, 48, 96)
PRUNERS = {
    "none": "{kind: none}",
    "median": "{kind: median, n_warmup_steps: 50, interval_steps: 50}",
    "halving": "{kind: successive_halving}",
}
WAYS = {"random": (PRUNERS, SIZES), "tpe": (PRUNERS, SIZES), "gp": (("none",), SIZES[:2])}
"""By sampler: the pruners, and how many runs are asked for."""
REPETITIONS, GENERATION = 10, 12
FIRST = 1000
"""The first repetition's seed for the sampler; the runs are those of seed 0."""
SHARE, CLOSE = 0.05, 1.05
APART = 1.3
"""By what factor regret on means and on one seed was expected to differ at most."""
STOPPED = 1e6
"""Where importances are told, the rank of a run that was stopped, less its steps: the worst."""
EXPECTED = ("tpe", "halving")
IN_WORDS = {
    LAST: "the last loss",
    STEPS: f"the steps until the loss is at most {LEVEL:g}",
}


def measure(quick: bool) -> Measured:
    """A row for each search; the searches of a model are shared out among the cores."""
    cases = [
        (goal, sampler, pruner, runs, repetition)
        for goal in GOALS
        for sampler, (pruners, sizes) in WAYS.items()
        for pruner in pruners
        for runs in (sizes[:1] if quick else sizes)
        for repetition in range(1 if quick else REPETITIONS)
    ]
    rows = []
    for model in ("pinn", "regression"):
        with ProcessPoolExecutor(
            mp_context=get_context("spawn"), initializer=_begin, initargs=(model,)
        ) as pool:
            for number, row in enumerate(pool.map(_searched, cases, chunksize=REPETITIONS), 1):
                rows.append(row)
                if number % (5 * REPETITIONS) == 0:
                    say(f"{model}: {number} of {len(cases)} searches")
    return rows


def _begin(model: str) -> None:
    """In a process of its own: know the grid of a model."""
    _GRID[model] = Grid.of(plateaus(), model)


_GRID: dict[str, Grid] = {}


def _searched(case: tuple[str, str, str, int, int]) -> Row:
    ((model, grid),) = _GRID.items()
    return searched(grid, model, *case)


def searched(
    grid: Grid, model: str, goal: str, sampler: str, pruner: str, runs: int, repetition: int
) -> Row:
    """One search, and how good what it found is."""
    study = load_study(
        "plateaus",
        [
            f"search.sampler={sampler}",
            f"search.pruner={PRUNERS[pruner]}",
            f"search.runs={runs}",
            f"search.generation={GENERATION}",
            f"search.seed={FIRST + repetition}",
            f"search.metric={GOALS[goal]}",
        ],
    )
    tried = carried_out(study, model, grid)
    ranks, last = grid.ranks[goal], grid.ranks[LAST]
    whole = [one.key for one in tried if not isinstance(one.outcome, Pruned)]
    best = str(ranks[ranks.index.isin(whole)].idxmin())
    end = grid.curves[best].index[-1]
    spent = sum(grid.operations[one.key] * one.steps / end for one in tried)
    return {
        "model": model,
        "goal": goal,
        "sampler": sampler,
        "pruner": pruner,
        "runs": len(tried),
        "repetition": repetition,
        "cost": float(spent / sum(grid.operations.values())),
        "place": int((ranks < ranks[best]).sum()) + 1,
        "over": float(last[best] / last.min()),
        "found": grid.run_ids[best],
        "reached": bool(last[best] <= LEVEL),
        "important": _same_importance(grid, goal, tried, study.metric),
    }


def _same_importance(grid: Grid, goal: str, tried: Sequence[Tried], metric: Metric) -> bool | None:
    """Whether the tried runs and the whole grid have the same three most important keys."""
    ranks = [
        STOPPED - one.steps if isinstance(one.outcome, Pruned) else metric.rank(one.outcome)
        for one in tried
    ]
    found = pd.Series(ranks, index=pd.Index([one.key for one in tried]))
    theirs = three_of(grid.table.loc[found.index], found)
    return theirs == grid.important[goal] if theirs else None


def summary(rows: Sequence[Row]) -> list[Row]:
    """A row for each way to search and number of runs, over its repetitions."""
    keys = ("model", "goal", "sampler", "pruner", "runs")

    def about(row: Row) -> tuple[Any, ...]:
        return tuple(row[key] for key in keys)

    return [
        _summed(dict(zip(keys, named, strict=True)), list(group))
        for named, group in groupby(rows, about)
    ]


@cache
def _over_of(model: str) -> dict[str, float]:
    """Of a model's configurations that have new seeds, the mean over the lowest mean."""
    return {str(run_id): over for run_id, over in Means.of(model).over.items()}


def _summed(named: Row, rows: Sequence[Row]) -> Row:
    told = [row["important"] for row in rows if row["important"] is not None]
    means = [_over_of(named["model"]).get(row["found"], math.inf) for row in rows]
    middle = statistics.median(means)
    return {
        **named,
        "way": named["sampler"] + {"none": ""}.get(named["pruner"], f", {named['pruner']}"),
        "cost": 100 * statistics.median(row["cost"] for row in rows),
        "place": statistics.median(row["place"] for row in rows),
        "worst": max(row["place"] for row in rows),
        "over": statistics.median(row["over"] for row in rows),
        "means": middle if math.isfinite(middle) else None,
        "unknown": means.count(math.inf),
        "close": f"{sum(row['over'] <= CLOSE for row in rows)} of {len(rows)}",
        "important": f"{sum(told)} of {len(told)}" if told else None,
    }


def section(result: Result) -> str:
    """The tables in words and numbers, for the page."""
    columns = {
        "way": "sampler, pruner",
        "runs": "runs",
        "cost": "cost, % of the grid",
        "over": "last loss of what was found over the grid's best (median)",
        "means": "the same by the means of new seeds",
        "unknown": "found without new seeds",
        "place": "its place in the grid (median)",
        "worst": "worst place",
        "close": "within 5 % of the best",
        "important": "same three most important hyperparameters",
    }
    parts = [
        "Replayed on the reference study's 1 440 PINN and 540 regression runs: the program's own "
        "search and pruners, whose runs are looked up instead of trained. "
        f"{REPETITIONS} repetitions each, generations of {GENERATION}, packs as for two cores. A "
        "place is that by the goal, among all configurations of the grid, of one seed each. "
        "Means are those of the last loss over new seeds (`python -m benchmarks.reseeded`), "
        "over the lowest mean; what has no new seeds counts as worse than all that have, and a "
        "dash stands where it is the median.",
    ]
    found = summary(result["rows"])
    for model in ("pinn", "regression"):
        for goal in GOALS:
            rows = [row for row in found if (row["model"], row["goal"]) == (model, goal)]
            title = {"pinn": "PINN", "regression": "Regression model"}[model]
            parts += [f"### {title}, searched for {IN_WORDS[goal]}", markdown_table(rows, columns)]
    return "\n\n".join([*parts, _verdict(result["rows"]), _verdict_by_means(result["rows"])])


def _verdict(rows: Sequence[Row]) -> str:
    ways = [row for row in summary(rows) if row["goal"] == LAST and row["model"] == "pinn"]
    cheap = [row for row in ways if row["cost"] <= 100 * SHARE]
    expected = [row for row in cheap if (row["sampler"], row["pruner"]) == EXPECTED]
    held = any(row["over"] <= CLOSE for row in expected)
    best = min(cheap, key=lambda row: row["over"], default=None)
    words = (
        "Expected before the first run: TPE with successive halving finds a PINN within 5 % of the "
        "grid's best last loss for at most 5 % of the grid's operations (median of the "
        f"repetitions). It {'holds' if held else 'does not hold'}."
    )
    if best:
        words += (
            f" The best within that cost: {best['way']}, {best['runs']} runs, "
            f"{best['cost']:.1f} % of the operations, {best['over']:.2f} times the best last loss."
        )
    return words


def _verdict_by_means(rows: Sequence[Row]) -> str:
    ways = [row for row in summary(rows) if row["goal"] == LAST]
    known = [row for row in ways if row["means"]]
    told = []
    for model, words in (("pinn", "PINN"), ("regression", "regression model")):
        both = pd.DataFrame([row for row in known if row["model"] == model])
        over, means = both["over"], both["means"].astype(float)
        factor, order = (
            max((over / means).max(), (means / over).max()),
            over.corr(means, "spearman"),
        )
        told.append(
            f"for the {words} the largest factor is {factor:.2f} and the rank correlation of the "
            f"medians {order:.2f}"
        )
    return (
        "Expected before the new seeds were trained: the medians of the searches for the last loss "
        f"differ between means and seed 0 by less than a factor of {APART}, and their order stays. "
        f"Found: {', '.join(told)} ({len(known)} of {len(ways)} ways to search, those whose median "
        "has new seeds)."
    )


def figure(result: Result, file: Path) -> None:
    """What the searches for the last loss find over what they cost, a line for each way."""
    found = [row for row in summary(result["rows"]) if row["goal"] == LAST]
    ways = list(dict.fromkeys(row["way"] for row in found))
    with subplots(2, height=3.2, width=4.2) as (canvas, axes):
        for axis, model in zip(axes, ("pinn", "regression"), strict=True):
            for way, color in zip(ways, PALETTE, strict=False):
                rows = [row for row in found if (row["model"], row["way"]) == (model, way)]
                cost, over = [row["cost"] for row in rows], [row["over"] for row in rows]
                axis.plot(cost, over, "o-", color=color, label=way, markersize=3)
            plain_log(axis, "x")
            plain_log(axis, "y")
            axis.axvline(100 * SHARE, color="black", linewidth=0.5)
            axis.set(title=model, xlabel="operations, % of the grid's")
        axes[0].set_ylabel("last loss over the grid's best")
        axes[0].legend(fontsize=7)
        saved(canvas, file)


if __name__ == "__main__":
    main("search", measure)
