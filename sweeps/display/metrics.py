"""The columns that a study's runs record: what may be a metric, a curve, an expected number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pinn_core.configuration import Configuration
from pinn_core.training.cadences import NO_LAST, recorded_columns, recorded_every
from pinn_core.training.described import described_columns
from sweeps.study.study import Study


@dataclass(frozen=True)
class Metric:
    """A column: its meaning, after how many steps it comes again, and the models that record it.

    ``decides`` says whether its last value may be ``search.metric``: it is in every last row.
    """

    name: str
    meaning: str
    every: int
    models: tuple[str, ...]
    decides: bool


def metrics_of(study: Study) -> list[Metric]:
    """Every column that any model of the study records, those of all models first."""
    configurations = {model: study.configuration_of(model) for model in study.models}
    described = {model: described_columns(own) for model, own in configurations.items()}
    names = dict.fromkeys(name for columns in described.values() for name in columns)
    metrics = []
    for name in names:
        recorded = [model for model in study.models if name in described[model]]
        first = described[recorded[0]][name]
        decides = all(_decides(name, own) for own in configurations.values())
        every = max(described[model][name].every for model in recorded)
        metrics.append(Metric(name, first.meaning, every, tuple(recorded), decides))
    return sorted(metrics, key=lambda metric: len(metric.models) < len(study.models))


def _decides(name: str, configuration: Configuration) -> bool:
    """Whether the last value of a column may be the metric of a search."""
    if name not in recorded_columns(configuration) or name.startswith("time/") or name in NO_LAST:
        return False
    every = recorded_every(configuration, name)
    return bool(every) and configuration.steps % every == 0


def in_lines(metrics: list[Metric], models: int) -> Iterator[str]:
    """For the terminal: name, cadence, meaning; which models where it is not all."""
    width = max(len(metric.name) for metric in metrics)
    for metric in metrics:
        mark = "*" if metric.decides else " "
        often = "every step" if metric.every == 1 else f"every {metric.every}"
        few = f" [{', '.join(metric.models)}]" if len(metric.models) < models else ""
        yield f"{mark} {metric.name:{width}}  {often:10}  {metric.meaning}{few}"
    yield "* the last value may be search.metric: every run has it"
