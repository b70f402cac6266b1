"""Whether leads that were put into made-up runs are found again, and none in noise.

Every study here is made up: runs whose loss falls by three natural logarithms after a plateau of
random length, and columns that change a known number of steps before or after that, in the loss's
own shape (a smooth fall), as a step, or as a kink, with noise. Others know nothing of the drop:
white noise, a random walk, and a step that comes at the same time in every run; two are functions
of the loss. They are recorded every 10 or every 100 steps (of runs six times as long). Then pairs
of values and ends of plateaus with a known concordance, some ends unknown.

Of a lead: the mean of the estimates, how often 95 % intervals hold the true one, by signed ranks
(used), by order statistics of the median and by a bootstrap of the median, and the verdicts at 5 %,
which are those of a column by itself, without a correction for others.

Rows: part, column, cadence, lead (the true one), seeds, estimate (mean), ranks, median, bootstrap
(coverages), leads, lags, beyond (neither, since the loss falls then), with (the drop), tied (a tie
was found at all), repetitions. Of a concordance: lead is the true one, ranks the coverage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import asin, pi, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from analysis import estimates
from analysis.explanations.alignment import aligned
from analysis.explanations.lead import Lead, leads_of
from analysis.explanations.prediction import Foretold, foretold
from analysis.load import StudyData
from analysis.rules import PlateauRule
from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table

REPETITIONS = 100
SEEDS = (10, 20)
CADENCES = (10, 100)
LEADS = (-50, 0, 50)
SHAPES = ("fall", "step", "kink")
UNTIED = ("noise", "walk", "fixed")
FUNCTIONS = ("tanh", "inverse")
RULE = PlateauRule()
STEPS, PLATEAU, SPREAD = 1200, 600, 80
"""Of a run, of its plateau's end in the mean, and of its standard deviation over runs."""
LONGER = 6
"""How many times longer runs are that are recorded every 100 steps."""
AFTER, WIDTH = 30, 12
"""The middle of the loss's fall, in steps after the plateau's end, and its width."""
NOISE = 0.1
DRAWS = 500
CORRELATIONS = (0.0, 0.4, 0.8)
UNKNOWN = (0.0, 0.3)
"""Shares of plateaus that last longer than their runs."""


def made_up(
    random: np.random.Generator, seeds: int, cadence: int, leads: Sequence[int] = LEADS
) -> StudyData:
    """A study of one model; the columns are `shape/lead`, those of UNTIED and FUNCTIONS."""
    longer = LONGER if cadence > CADENCES[0] else 1
    step = np.arange(STEPS * longer + 1)
    frames = {}
    for seed in range(seeds):
        end = PLATEAU * longer + SPREAD * longer * float(np.clip(random.normal(), -2.5, 2.5))
        fell = step - end - AFTER
        loss = -0.1 * np.minimum(step, 30) + _shape("fall", fell)
        columns = {
            f"{shape}/{lead}": _shape(shape, fell + lead) + NOISE * random.normal(size=len(step))
            for shape in SHAPES
            for lead in leads
        }
        columns["noise"] = random.normal(size=len(step))
        columns["walk"] = random.normal(size=len(step)).cumsum()
        columns["fixed"] = _shape("step", step - PLATEAU * longer) + NOISE * random.normal(
            size=len(step)
        )
        columns["tanh"] = np.tanh(loss + 4) + 0.02 * random.normal(size=len(step))
        columns["inverse"] = np.exp(-loss) + random.normal(size=len(step))
        table = pd.DataFrame(columns, pd.RangeIndex(len(step), name="step"))
        table[step % cadence > 0] = np.nan
        noisy = loss + 0.02 * random.normal(size=len(step))
        frames[f"{seed}"] = table.assign(**{RULE.curve: np.exp(noisy)})
    runs = pd.DataFrame({"model": "made up", "seed": range(seeds)}, pd.Index(list(frames)))
    return StudyData("made up", runs, [], frames.__getitem__)


def _shape(shape: str, after: Any) -> Any:  # noqa: ANN401
    """A change at 0 over the steps after it."""
    if shape == "step":
        return (after > 0).astype(float)
    if shape == "kink":
        return -np.maximum(after, 0) / 100
    return -3 * special.expit(after / WIDTH)


def found_leads(data: StudyData, columns: Sequence[str] | None = None) -> dict[str, Lead]:
    """What the report would say of each column, had it no other."""
    runs = list(map(str, data.runs.index))
    names = list(data.trajectory(runs[0])) if columns is None else columns
    of = aligned(data, RULE, runs, [str(name) for name in names if name != RULE.curve])
    alone = [leads_of([of.only(name)]) for name in of.columns]
    return {one.column: one for (one,) in alone}


def pairs(
    random: np.random.Generator, seeds: int, correlation: float, unknown: float
) -> pd.DataFrame:
    """A table as of `beginnings`, whose column and plateau's end are normal and correlated."""
    one, other, loss = random.normal(size=(3, seeds))
    last = float(special.ndtri(1 - unknown)) if unknown else np.inf
    ends = correlation * one + sqrt(1 - correlation**2) * other
    about = {"model": "made up", "seed": range(seeds), "problem": "", "start": 0}
    return pd.DataFrame(
        {**about, "end": np.minimum(ends, last), "left": ends < last, "loss": loss, "column": one}
    )


def measure(quick: bool, repetitions: int = REPETITIONS) -> Measured:
    """A row for each column, cadence and number of seeds, then for each concordance."""
    repetitions = min(repetitions, 3) if quick else repetitions
    rows: list[Row] = []
    for cadence in CADENCES:
        for seeds in SEEDS:
            say(f"leads every {cadence} steps, {seeds} seeds")
            rows += list(_lead_rows(cadence, seeds, repetitions))
    for seeds in SEEDS:
        say(f"concordances, {seeds} seeds")
        rows += list(_concordance_rows(seeds, repetitions))
    error = 100 * sqrt(0.95 * 0.05 / repetitions)
    return rows, [
        f"{repetitions} made-up studies each: the Monte Carlo standard error of a coverage of 95 % "
        f"is {error:.1f} %."
    ]


def _lead_rows(cadence: int, seeds: int, repetitions: int) -> Iterator[Row]:
    found: dict[str, list[Lead]] = {}
    for repetition in range(repetitions):
        random = np.random.default_rng((cadence, seeds, repetition))
        more = seeds + 2  # of ten runs the report lets one go for a wider window
        for column, one in found_leads(made_up(random, more, cadence)).items():
            found.setdefault(column, []).append(one)
    for column, leads in found.items():
        shape, _, told = column.partition("/")
        true = float(told) if told else None
        yield {
            "part": "lead",
            "column": shape,
            "cadence": cadence,
            "lead": true,
            "seeds": seeds,
            "estimate": float(np.mean([one.estimate.number for one in leads if one.estimate])),
            **_coverages([one.leads[np.isfinite(one.leads)] for one in leads], true),
            **_verdicts(leads),
            "repetitions": repetitions,
        }


def _coverages(samples: Sequence[Any], true: float | None) -> dict[str, float | None]:
    """How often each method's interval holds the true lead."""
    ways = {"ranks": estimates.pseudomedian, "median": estimates.median}
    if true is None:
        return {"ranks": None, "median": None, "bootstrap": None}
    held = {
        name: [span[0] <= true <= span[1] for sample in samples if (span := way(sample).span)]
        for name, way in ways.items()
    }
    held["bootstrap"] = [low <= true <= high for low, high in map(_bootstrap, samples)]
    return {name: float(np.mean(each)) for name, each in held.items()}


def _bootstrap(sample: Any) -> tuple[float, float]:  # noqa: ANN401
    drawn = np.random.default_rng(0).choice(sample, (DRAWS, len(sample)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return float(low), float(high)


def _verdicts(leads: Sequence[Lead]) -> dict[str, float]:
    """The share of studies with each verdict."""
    words = {
        "leads": "leads",
        "lags": "lags",
        "beyond": "not beyond the loss",
        "with": "with the drop",
    }
    shares = {
        short: float(np.mean([one.outcome == outcome for one in leads]))
        for short, outcome in words.items()
    }
    return {**shares, "tied": float(np.mean([one.is_tied for one in leads]))}


def _concordance_rows(seeds: int, repetitions: int) -> Iterator[Row]:
    for correlation in CORRELATIONS:
        for unknown in UNKNOWN:
            true = true_concordance(correlation, unknown)
            found = [
                _foretold(
                    pairs(np.random.default_rng((seeds, repetition)), seeds, correlation, unknown)
                )
                for repetition in range(repetitions)
            ]
            held = [one.interval and one.interval[0] <= true <= one.interval[1] for one in found]
            yield {
                "part": "concordance",
                "column": f"{100 * unknown:.0f} % unknown",
                "cadence": None,
                "lead": true,
                "seeds": seeds,
                "estimate": float(np.mean([one.concordance for one in found])),
                "ranks": float(np.mean([bool(each) for each in held])),
                **dict.fromkeys(("median", "bootstrap", "leads", "lags", "beyond", "with", "tied")),
                "repetitions": repetitions,
            }


def _foretold(table: pd.DataFrame) -> Foretold:
    return foretold(table, "loss", ["column"])[1]


def true_concordance(correlation: float, unknown: float) -> float:
    """Of normal values: known in closed form, and of ends that are partly unknown by drawing."""
    if not unknown:
        return 0.5 + asin(correlation) / pi
    table = pairs(np.random.default_rng(0), 2_000_000, correlation, unknown)
    first, second = table.iloc[::2].reset_index(), table.iloc[1::2].reset_index()
    known = first["left"] | second["left"]
    later = (first["end"] > second["end"])[known]
    return float((later == (first["column"] > second["column"])[known]).mean())


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    leads = [row for row in result["rows"] if row["part"] == "lead"]
    others = [row for row in result["rows"] if row["part"] == "concordance"]
    return f"""\
Runs are made up: a loss that falls smoothly after a plateau of random length (mean 600 steps, or
3 600 where columns come every 100 steps), and columns of which it is known when they change: with
the shape of the loss, as a step, as a kink, or as functions of the loss (tanh, inverse). Noise, a
random walk and a step at a fixed time know nothing of the drop. Leads in steps; coverage of "95 %"
intervals and shares of verdicts in per cent. The report takes signed ranks. A lead that is not
longer than the cadence is none ("with the drop"), and what changes while the loss falls does not
lead. Verdicts are of a column alone, without the correction for others: 5 % of the columns that
know nothing of the drop may be called tied to it.

{markdown_table([_lead_row(row) for row in leads])}

Concordances of a value with the end of the plateau, both normal. The coverage is that of the
bootstrap over seeds which the report gives.

{markdown_table([_concordance_row(row) for row in others])}"""


def _lead_row(row: Row) -> Row:
    return {
        "column": row["column"],
        "cadence": row["cadence"],
        "true lead": row["lead"],
        "seeds": row["seeds"],
        "estimate": f"{row['estimate']:.0f}",
        "ranks": _percent(row["ranks"]),
        "median": _percent(row["median"]),
        "bootstrap": _percent(row["bootstrap"]),
        "tied": _percent(row["tied"]),
        "leads": _percent(row["leads"]),
        "lags": _percent(row["lags"]),
        "with the drop": _percent(row["with"]),
        "while the loss falls": _percent(row["beyond"]),
    }


def _concordance_row(row: Row) -> Row:
    return {
        "plateaus never left": row["column"].removesuffix(" unknown"),
        "seeds": row["seeds"],
        "true": f"{row['lead']:.3f}",
        "mean": f"{row['estimate']:.3f}",
        "coverage": _percent(row["ranks"]),
    }


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.0f}"


if __name__ == "__main__":
    often = {"type": int, "default": REPETITIONS, "help": "made-up studies of each kind"}
    main("leads", measure, options={"repetitions": often})
