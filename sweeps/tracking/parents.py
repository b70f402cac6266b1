"""What MLflow is told of the parent of a stage's runs: medians over them, and a description.

All of it is a function of the study and of what MLflow has of the runs, so that telling it twice
adds nothing.
"""

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from analysis.metric import FINAL, Metric
from analysis.wording import count
from sweeps.study.study import Study

if TYPE_CHECKING:
    from mlflow.entities import Run

SUMMARISED = ("final.", "lowest.", "conflict.", "plateau.")
"""How the keys begin of the numbers that stand for a run."""

OPENING = "Study "
"""How a description of ours begins; whoever writes another keeps it."""


def summary(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """How many runs there are, and the median of each number that stands for one.

    ``runs`` are the last values of each run's metrics. ``diverged``, ``pruned`` and ``censored``
    count those that ended so; medians are over the runs that have the number. A plateau's start and
    length have none where a run had not left its own: what is known of that run is a bound.

    >>> summary([{"final.loss/batch": 3.0}, {"final.loss/batch": 1.0}, {"diverged_at": 7.0}])
    {'runs': 3, 'diverged': 1, 'pruned': 0, 'censored': 0, 'final.loss/batch': 2.0}
    """
    counts = {
        "runs": len(runs),
        "diverged": sum("diverged_at" in run for run in runs),
        "pruned": sum("pruned_at" in run for run in runs),
        "censored": sum(run.get("plateau.censored", 0.0) > 0 for run in runs),
    }
    skipped = "plateau." if counts["censored"] else "plateau.censored"
    names = {
        name
        for run in runs
        for name in run
        if name.startswith(SUMMARISED) and not name.startswith(skipped)
    }
    medians = {name: median(run[name] for run in runs if name in run) for name in sorted(names)}
    return {**counts, **medians}


def description(
    study: Study, stage: str, model: str, runs: Sequence["Run"], report: str | None
) -> str:
    """What the page of a parent says, in Markdown; ``report`` is where the report is shown."""
    said = summary([run.data.metrics for run in runs])
    what = "with seeds of their own, of the best configurations" if stage == "rerun" else "tried"
    lines = [
        f"**{stage} {model}** of study {study.name}: {count(len(runs), 'run')} {what}.",
        _endings(said),
        "Numbers of this run are medians over them.",
        _best(study, runs) if stage == "search" else "",
        f"[The report of the study]({report})" if report else "",
    ]
    return "\n\n".join(filter(None, lines))


def study_description(study: Study, report: str | None) -> str:
    """What the page of the whole experiment says, in Markdown."""
    models = ", ".join(study.models)
    lines = [
        f"{OPENING}**{study.name}**, models: {models}. Each model has a search; its best "
        "configurations are rerun with other seeds.",
        f"[The report of the study]({report})" if report else "",
    ]
    return "\n\n".join(filter(None, lines))


def _endings(said: Mapping[str, float]) -> str:
    """How many runs did not end as they should have, in words; nothing if all did."""
    words = {
        "diverged": "diverged",
        "pruned": "stopped early by the pruner",
        "censored": "still on the plateau at the end",
    }
    found = [f"{said[name]} {ending}" for name, ending in words.items() if said[name]]
    return f"Of these {', '.join(found)}." if found else ""


def _best(study: Study, runs: Sequence["Run"]) -> str:
    """The best run of a search and its settings, where a last value decides."""
    metric = Metric.read(study.search.metric)
    name = f"final.{metric.column}" if metric.kind == FINAL else ""
    judged = [run for run in runs if name in run.data.metrics]
    if not judged:
        return ""
    sign = 1 if study.search.direction == "minimize" else -1
    best = min(judged, key=lambda run: (sign * run.data.metrics[name], run.data.tags["run_id"]))
    settings = json.dumps({k: v for k, v in sorted(best.data.params.items()) if k != "seed"})
    value = best.data.metrics[name]
    return f"The best run is {best.info.run_name}: {name} {value:.4g}, with `{settings}`."
