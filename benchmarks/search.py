"""How to search the reference study's space: random, TPE, GP, with and without pruning, replayed.

All 1 980 runs of the study `plateaus` are known (``pinn_sweeps.data``), so that a search trains
nothing: the program's own search asks for configurations, and what they reach is looked up. Its
pruners judge packs as the program makes them, by the values that the data set has at a rung or just
before it. A run that was stopped costs the part of its operations that it was trained.

A search is judged by the best configuration that was trained to its end: its place in the grid, and
its value over the grid's best; and by whether its three most important hyperparameters are those of
the whole grid. All values are those of one seed, so that a search may find what was lucky.

Expected, written before the first run: TPE with successive halving finds a configuration within 5 %
of the grid's best last loss for at most 5 % of the grid's operations.

Rows: model, goal, sampler, pruner, runs (asked for), repetition, cost (share of the grid's
operations), place (in the grid, from 1), over (value over the grid's best, 1 is the best; of the
last loss of that configuration), reached (whether the level was, by the best), important (whether
the three most important hyperparameters are the grid's; None where they cannot be told).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.effects.axes import axis_of
from analysis.effects.importance import most_important
from analysis.metric import Metric
from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, plain_log, saved, subplots
from pinn_core.training.operations import flops
from pinn_sweeps.data import plateaus
from sweeps.search.search import ModelSearch
from sweeps.store.results import Outcome, Pruned
from sweeps.study.plan import Run, make_packs, model_points, search_run
from sweeps.study.pruners import Pruner
from sweeps.study.study import Study, load_study

COLUMN = "loss/regression"
LEVEL = 1.0
"""Of the mean squared error: what leaves the plateau, which lies at 1.6, goes below it."""
GOALS = {"last loss": COLUMN, "steps to the level": f"steps_to({COLUMN}, {LEVEL:g})"}
SIZES = (24, 48, 96)
PRUNERS = {
    "none": "{kind: none}",
    "median": "{kind: median, n_warmup_steps: 50, interval_steps: 50}",
    "halving": "{kind: successive_halving}",
}
WAYS = {"random": (PRUNERS, SIZES), "tpe": (PRUNERS, SIZES), "gp": (("none",), SIZES[:2])}
"""By sampler: the pruners, and how many runs are asked for."""
REPETITIONS, GENERATION, SLOTS = 10, 12, 2
FIRST = 1000
"""The first repetition's seed for the sampler; the runs are those of seed 0."""
SHARE, CLOSE = 0.05, 1.05
STOPPED = 1e6
"""Where importances are told, the rank of a run that was stopped, less its steps: the worst."""
TARGET = "last loss"


@dataclass(frozen=True)
class Known:
    """The grid of one model: what each configuration reached on its way, and what it costs."""

    curves: Mapping[str, pd.DataFrame]
    values: Mapping[str, np.ndarray]
    """At every step the last known value of the curve."""
    operations: Mapping[str, float]
    table: pd.DataFrame
    """A row for each configuration, its varied values, by its key."""

    @classmethod
    def of(cls, data: pd.DataFrame, model: str) -> Known:
        """From the data set."""
        study = load_study("plateaus")
        runs = [search_run(study, model, point) for point in model_points(study, model)]
        rows = data[(data["model"] == model) & (data["stage"] == "search")].set_index("run_id")
        curves, values, operations = {}, {}, {}
        for run in runs:
            row = rows.loc[run.run_id]
            index = pd.Index(row["curve.step"], name="step")
            curve = pd.DataFrame({COLUMN: row[f"curve.{COLUMN}"]}, index)
            curves[key_of(run)] = curve
            values[key_of(run)] = curve[COLUMN].reindex(range(index[-1] + 1)).ffill().to_numpy()
            operations[key_of(run)] = flops(run.configuration)
        varied = pd.DataFrame([run.varied for run in runs], index=pd.Index(list(curves)))
        return cls(curves, values, operations, varied)

    @cached_property
    def ranks(self) -> Mapping[str, pd.Series[float]]:
        """By goal, the rank of every configuration, small ones being good."""
        return {goal: self._ranked(Metric.read(metric)) for goal, metric in GOALS.items()}

    @cached_property
    def important(self) -> Mapping[str, frozenset[str]]:
        """The three most important hyperparameters of the whole grid, by goal."""
        return {goal: three_of(self.table, found) for goal, found in self.ranks.items()}

    def _ranked(self, metric: Metric) -> pd.Series[float]:
        ranks = {key: metric.rank(metric.of(curve)) for key, curve in self.curves.items()}
        return pd.Series(ranks, index=self.table.index)


@dataclass(frozen=True)
class Tried:
    """One run of a search: how far it was trained, and what it reached."""

    key: str
    steps: int
    outcome: Outcome


def key_of(run: Run) -> str:
    """Its varied values in the order of their keys."""
    return " ".join(str(run.varied[key]) for key in sorted(run.varied))


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
    _GRID[model] = Known.of(plateaus(), model)


_GRID: dict[str, Known] = {}


def _searched(case: tuple[str, str, str, int, int]) -> Row:
    ((model, known),) = _GRID.items()
    return searched(known, model, *case)


def searched(
    known: Known, model: str, goal: str, sampler: str, pruner: str, runs: int, repetition: int
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
    tried = carried_out(study, model, known)
    ranks, last = known.ranks[goal], known.ranks[TARGET]
    whole = [one.key for one in tried if not isinstance(one.outcome, Pruned)]
    best = str(ranks[ranks.index.isin(whole)].idxmin())
    end = known.curves[best].index[-1]
    spent = sum(known.operations[one.key] * one.steps / end for one in tried)
    return {
        "model": model,
        "goal": goal,
        "sampler": sampler,
        "pruner": pruner,
        "runs": len(tried),
        "repetition": repetition,
        "cost": float(spent / sum(known.operations.values())),
        "place": int((ranks < ranks[best]).sum()) + 1,
        "over": float(last[best] / last.min()),
        "reached": bool(last[best] <= LEVEL),
        "important": _same_importance(known, goal, tried, study.metric),
    }


def carried_out(study: Study, model: str, known: Known) -> list[Tried]:
    """The runs of a search, in the order in which they end on one core after the other."""
    search, tried = ModelSearch(study, model), list[Tried]()
    while asked := search.ask():
        told: dict[str, Outcome] = {}
        for pack in make_packs(asked, study.resources, SLOTS):
            ended = dict(_trained(pack.runs, study, known, tried))
            told |= {run_id: one.outcome for run_id, one in ended.items()}
            tried += ended.values()
        search.tell(told)
    return tried


def _trained(
    runs: Sequence[Run], study: Study, known: Known, before: Sequence[Tried]
) -> Iterator[tuple[str, Tried]]:
    """A pack's runs, those that its pruner stops first."""
    rule, going, values = study.search.pruner, list(runs), list[list[float]]()
    end = int(known.curves[key_of(runs[0])].index[-1])
    for rung in rule.rungs(end):
        values.append([known.values[key_of(run)][rung] for run in going])
        stops = rule.stops(np.array(values), _others(rule, known, before, rung))
        for run in (run for run, stopped in zip(going, stops, strict=True) if stopped):
            key = key_of(run)
            yield run.run_id, Tried(key, rung, Pruned(rung, float(known.values[key][rung])))
        staying = np.flatnonzero(~stops)
        going = [going[place] for place in staying]
        values = [[row[place] for place in staying] for row in values]
        if not going:
            return
    for run in going:
        key = key_of(run)
        yield run.run_id, Tried(key, end, study.metric.of(known.curves[key]))


def _others(rule: Pruner, known: Known, before: Sequence[Tried], rung: int) -> np.ndarray:
    """Values at a rung of the runs that ended before, as the program's judge takes them."""
    counted = [one for one in before if not (rule.complete and isinstance(one.outcome, Pruned))]
    return np.array([known.values[one.key][rung] for one in counted if one.steps >= rung], float)


def _same_importance(
    known: Known, goal: str, tried: Sequence[Tried], metric: Metric
) -> bool | None:
    """Whether the tried runs and the whole grid have the same three most important keys."""
    ranks = [
        STOPPED - one.steps if isinstance(one.outcome, Pruned) else metric.rank(one.outcome)
        for one in tried
    ]
    found = pd.Series(ranks, index=pd.Index([one.key for one in tried]))
    theirs = three_of(known.table.loc[found.index], found)
    return theirs == known.important[goal] if theirs else None


def three_of(table: pd.DataFrame, target: pd.Series[float]) -> frozenset[str]:
    """The three most important of the table's columns for a small target; none if unknown."""
    axes = [axis_of(str(key), table[key]) for key in table]
    return frozenset(most_important(axes, target, 3))


def summary(rows: Sequence[Row]) -> list[Row]:
    """A row for each way to search and number of runs, over its repetitions; its grid is last."""
    keys = ("model", "goal", "sampler", "pruner", "runs")

    def about(row: Row) -> tuple[Any, ...]:
        return tuple(row[key] for key in keys)

    return [
        _summed(dict(zip(keys, named, strict=True)), list(group))
        for named, group in groupby(rows, about)
    ]


def _summed(named: Row, rows: Sequence[Row]) -> Row:
    told = [row["important"] for row in rows if row["important"] is not None]
    return {
        **named,
        "way": named["sampler"] + {"none": ""}.get(named["pruner"], f", {named['pruner']}"),
        "cost": 100 * statistics.median(row["cost"] for row in rows),
        "place": statistics.median(row["place"] for row in rows),
        "worst": max(row["place"] for row in rows),
        "over": statistics.median(row["over"] for row in rows),
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
        "place": "its place in the grid (median)",
        "worst": "worst place",
        "close": "within 5 % of the best",
        "important": "same three most important hyperparameters",
    }
    parts = [
        f"Replayed on the {plateaus_in_words()}: the program's own search and pruners, whose runs "
        f"are looked up instead of trained. {REPETITIONS} repetitions each, generations of "
        f"{GENERATION}, packs as for two cores. A place is that by the goal, among all "
        "configurations of the grid, of one seed each.",
    ]
    found = summary(result["rows"])
    for model in ("pinn", "regression"):
        for goal in GOALS:
            rows = [row for row in found if (row["model"], row["goal"]) == (model, goal)]
            title = {"pinn": "PINN", "regression": "Regression model"}[model]
            parts += [f"### {title}, searched for {_GOAL[goal]}", markdown_table(rows, columns)]
    return "\n\n".join([*parts, _verdict(result["rows"])])


_GOAL = {
    "last loss": "the last loss",
    "steps to the level": f"the steps until the loss is at most {LEVEL:g}",
}


def plateaus_in_words() -> str:
    """What the data set is."""
    return "reference study's 1 440 PINN and 540 regression runs"


def _verdict(rows: Sequence[Row]) -> str:
    ways = [row for row in summary(rows) if row["goal"] == TARGET and row["model"] == "pinn"]
    cheap = [row for row in ways if row["cost"] <= 100 * SHARE]
    expected = [row for row in cheap if (row["sampler"], row["pruner"]) == _EXPECTED]
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


_EXPECTED = ("tpe", "halving")


def figure(result: Result, file: Path) -> None:
    """What the searches for the last loss find over what they cost, a line for each way."""
    found = [row for row in summary(result["rows"]) if row["goal"] == TARGET]
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
