"""What a step of every remedy costs.

Every model of the study ``remedies``, reduced, trains one seed on one thread, in turns with all
others, so that what slows the machine for a while slows all alike. Rows: model, ms_step (median
over rounds), evaluations (of loss and gradient, a step), ratio (of ms_step to the plain PINN's,
paired over rounds, median), lowest and highest (of that ratio). A table of steps to a level becomes
one of seconds when it is multiplied by ``ratio``.
"""

from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.timing import interleaved
from benchmarks.training import WARM_UP, step_seconds
from pinn_core import Configuration, Member, train
from sweeps.study.plan import search_run
from sweeps.study.study import load_study

BASELINE = "pinn"
STEPS = 100
"""Timed steps: a multiple of every cadence of the record."""
STEPS_OF = {"nncg": 20, "ntk": 500}
"""Models with long steps, or with work that is due more rarely than every ``STEPS``."""
ROUNDS = 5


def measure(quick: bool) -> Measured:
    """A row for every model of the study, in its order; the first three for a quick look."""
    study = load_study("remedies", ["reduced=true"])
    models = list(study.models)[: 3 if quick else None]
    short = {
        model: shortened(search_run(study, model, {}).configuration, STEPS_OF.get(model, STEPS))
        for model in models
    }
    cases = {
        model: partial(step_seconds, [Member(configuration, 0)])
        for model, configuration in short.items()
    }
    times = interleaved(cases, 1 if quick else ROUNDS, say)
    rows: list[Row] = []
    for model, seconds in times.items():
        ratios = [own / plain for own, plain in zip(seconds, times[BASELINE], strict=True)]
        rows.append(
            {
                "model": model,
                "ms_step": 1e3 * median(seconds),
                "evaluations": evaluations(short[model]),
                "ratio": median(ratios),
                "lowest": min(ratios),
                "highest": max(ratios),
            }
        )
    return rows


def shortened(configuration: Configuration, timed: int) -> Configuration:
    """The same training, its last phase so long that ``timed`` steps are timed."""
    before = configuration.phases[:-1]
    last: Any = configuration.phases[-1]
    steps = WARM_UP + timed - sum(phase.steps for phase in before)
    return replace(configuration, phases=(*before, replace(last, steps=steps)))


def evaluations(configuration: Configuration) -> float:
    """How many evaluations a step takes, counted in such a training."""
    made = train([Member(configuration, 0)])[0].table["work/evaluations"].to_numpy()
    return float(made[-1] - made[WARM_UP]) / (len(made) - 1 - WARM_UP)


def section(result: Result) -> str:
    """The table, dearest step first."""
    rows = sorted(result["rows"], key=lambda row: -row["ratio"])
    return f"""\
A step of each model of the study `remedies` (heat, 9 x 9 x 9, 4 x 128, full batch, with its
record), one seed on one thread, over that of the plain PINN: {ROUNDS} rounds in turns, medians with
the lowest and the highest ratio.

{markdown_table(rows)}"""


if __name__ == "__main__":
    main("remedies", measure)
