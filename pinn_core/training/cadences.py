"""When what is recorded is due: the one place that says so."""

from collections.abc import Sequence

from pinn_core.configuration import Configuration
from pinn_core.objectives.term import RESIDUAL
from pinn_core.probes.cadence import Cadence
from pinn_core.probes.preconditioning import keeps_pairs
from pinn_core.problems import Problem
from pinn_core.records.trajectory import LANDSCAPE, PRECONDITIONED, columns

NO_LAST = ("update/norm", "update/cosine")
"""Columns that the last row lacks, for no update leaves it."""


def gradients_are_free(configuration: Configuration) -> bool:
    """Whether a step has the gradients that are recorded, on all points."""
    objective = configuration.objective
    turns = any(phase.takes_turns for phase in configuration.phases)
    apart = objective.recorded_apart or turns
    return objective.solves and objective.batch == "full" and not apart


def full_is_free(configuration: Configuration) -> bool:
    """Whether a step has the losses on the whole grid."""
    return gradients_are_free(configuration) and configuration.problem.interior_points == "all"


def cadences(configuration: Configuration) -> dict[str, Cadence]:
    """The cadence of every kind of what is recorded.

    ``always`` are losses that need values alone, weights and updates; ``gradients`` also the losses
    that need derivatives; ``full`` is on the whole grid, ``held_out`` at points that no run trains
    on; then sketches of the parameters, and the kinds of the loss landscape.
    """
    record = configuration.record
    free, pairs = gradients_are_free(configuration), keeps_pairs(configuration.phases)
    landscape = {
        kind: Cadence(getattr(record, asked) if pairs or kind != PRECONDITIONED else 0)
        for kind, asked in LANDSCAPE.items()
    }
    return {
        "always": Cadence(1),
        "gradients": Cadence(1 if free else record.gradients_every),
        "full": Cadence(record.full_every),
        "held_out": Cadence(record.held_out_every),
        "sketch": Cadence(record.sketch_every),
        **landscape,
    }


def recorded_columns(configuration: Configuration) -> dict[str, str]:
    """The columns of losses, errors, gradients and weights that a run records, with meanings."""
    adaptive, problem = configuration.weighting.adaptive, configuration.problem
    observed = [each.name for each in configuration.data]
    return problem_columns(problem, list(problem.conditions), adaptive, observed)


def problem_columns(
    problem: Problem, terms: Sequence[str], adaptive: bool, observed: Sequence[str] = ()
) -> dict[str, str]:
    """The same for a problem with these terms besides its equation's, and observations'."""
    return columns(
        terms,
        adaptive,
        observed=observed,
        compared=problem.reference != "none",
        unknowns={name: own.true is not None for name, own in problem.unknowns.items()},
    )


def recorded_every(configuration: Configuration, column: str) -> int:
    """After how many steps a column of losses, errors, gradients or weights comes again; 0: never.

    It is in row 0 if it is in any.
    """
    return cadences(configuration)[_kind(configuration, column)].every


def _kind(configuration: Configuration, column: str) -> str:
    """The kind of what is recorded that a column is made of."""
    for kind in ("full", "held_out"):
        if column.startswith(f"{kind}/"):
            return kind
    conditions = configuration.problem.conditions
    derived = {f"loss/{name}" for name, condition in conditions.items() if not condition.plain}
    derived |= {f"loss/{each.name}" for each in configuration.data}
    derived |= {f"loss/{RESIDUAL}"} | ({"loss/total"} if configuration.objective.solves else set())
    return "gradients" if column in derived or column.startswith("gradient/") else "always"
