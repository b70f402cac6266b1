"""Every column that a run records: what it means, and how often it has a value."""

from collections.abc import Iterator
from dataclasses import dataclass

from pinn_core.configuration import Configuration
from pinn_core.objectives.term import FIT, RESIDUAL
from pinn_core.probes import Column
from pinn_core.records.trajectory import CONFLICT, LANDSCAPE, landscape_columns
from pinn_core.training.cadences import cadences, recorded_columns, recorded_every


@dataclass(frozen=True)
class Described:
    """A column: its meaning, and after how many steps it comes again."""

    meaning: str
    every: int


def described_columns(configuration: Configuration) -> dict[str, Described]:
    """The columns of a run's trajectory by name, but for its step.

    Those that are never due are left out. A probe's columns depend on the problem's points: then
    these are made, which may take a while.
    """
    return dict(_columns(configuration))


def _columns(configuration: Configuration) -> Iterator[tuple[str, Described]]:
    for name, meaning in recorded_columns(configuration).items():
        if every := recorded_every(configuration, name):
            yield name, Described(meaning, every)
    for name, meaning in _of_work(configuration).items():
        yield name, Described(meaning, 1)
    if configuration.looks_at_conflicts:
        for name, meaning in CONFLICT.items():
            yield name, Described(meaning, 1)
    due = cadences(configuration)
    kinds = [kind for kind in LANDSCAPE if due[kind].every]
    for name, meaning in landscape_columns(_terms(configuration), kinds).items():
        yield name, Described(meaning, due[name.partition("/")[0]].every)
    for name, (column, every) in _of_probes(configuration).items():
        yield name, Described(column.meaning + (" (list)" if column.numbers > 1 else ""), every)
    if due["sketch"].every:
        yield "sketch", Described("random projection of the parameters (list)", due["sketch"].every)


def _terms(configuration: Configuration) -> list[str]:
    """The names of the loss terms that are trained."""
    if not configuration.objective.solves:
        return [FIT]
    problem = configuration.problem
    kept = problem.hard.conditions if problem.hard and configuration.constraints == "hard" else ()
    conditions = [name for name in problem.conditions if name not in kept]
    return [RESIDUAL, *conditions, *(each.name for each in configuration.data)]


def _of_work(configuration: Configuration) -> dict[str, str]:
    from pinn_core.training.work import work_columns  # torch with it

    return work_columns(configuration.phases)


def _of_probes(configuration: Configuration) -> dict[str, tuple[Column, int]]:
    probes = [probe for probe in configuration.record.probes if probe.every]
    if not probes:
        return {}
    from pinn_core.discretization.discretization import Discretization
    from pinn_core.probes import Setup

    disc = Discretization(
        configuration.trained_problem,
        configuration.network,
        configuration.precision,
        inputs=configuration.inputs,
        constraints=configuration.constraints,
        observations=configuration.data,
    )
    setup = Setup(disc, configuration.objective.terms(disc))
    return {
        f"{probe.kind}/{name}": (column, probe.every)
        for probe in probes
        for name, column in probe.columns(setup).items()
    }
