"""What a run cannot be: parts that do not go together, and sizes that no machine takes."""

from typing import TYPE_CHECKING

from pinn_core.checks import at_least
from pinn_core.discretization.start import check_start
from pinn_core.observations import DataError

if TYPE_CHECKING:
    from pinn_core.configuration.configuration import Configuration

MOST = 10**9
"""Points, parameters and steps that a run may have at most; what a machine takes is far below."""


def check_parts(run: "Configuration") -> None:
    """Raise ``ValueError`` for parts that do not go together, or make what no machine takes."""
    if not run.phases:
        raise ValueError("phases must hold at least one optimizer, found none")
    for phase in run.phases:
        at_least(1, steps=phase.steps)
    _check_size(run)
    stack = run.stack()
    for phase in run.phases:
        phase.check(run.precision, run.size)
        phase.check_stack(stack)
        phase.check_problem(run.problem, run.objective.solves)
    if run.constraints == "hard" and run.problem.hard is None:
        raise ValueError(
            f"constraints: problem {run.problem.kind} has no form that keeps its conditions, "
            "found 'hard', allowed: 'soft'"
        )
    _check_start(run)
    for probe in run.record.probes:
        probe.check_run(stack, run.objective, run.phases)
    run.objective.check(run.problem)
    _check_data(run)
    if run.objective.solves:
        _check_terms(run)
    run.stages.check(run.problem, run.objective)
    if run.stages.continues and run.constraints == "hard":
        raise ValueError(
            "constraints: a window of stages marching starts where the one before ended, which "
            "no form keeps, found 'hard', allowed: 'soft'"
        )
    _check_turns(run)
    _check_squares(run)


def _check_size(run: "Configuration") -> None:
    """Refuse what no machine takes, before anything is made of it."""
    parameters = run.size
    counts = {
        f"the grid of problem {run.problem.kind}": (sum(run.problem.grid_size), "points"),
        "the network": (parameters, "parameters"),
        "a run": (run.steps, "steps"),
    }
    for what, (count, unit) in counts.items():
        if count > MOST:
            raise ValueError(f"{what} has {count} {unit}, allowed: at most {MOST}")


def _check_start(run: "Configuration") -> None:
    """Refuse a network that starts near initial values where there are none."""
    if not run.network.takes_start:
        return
    check_start(run.problem)
    if run.constraints == "hard":
        raise ValueError(
            f"constraints: network {run.network.kind} starts near the initial values, which a "
            "form keeps already, found 'hard', allowed: 'soft'"
        )


def _check_data(run: "Configuration") -> None:
    """Refuse observations that are not of this problem, or that nothing is trained on."""
    names = list(run.problem.conditions)
    for each in run.data:
        if each.name in names:
            raise DataError(
                f"observations {each.name!r}: the name is taken, by a condition of problem "
                f"{run.problem.kind} or by other observations; taken are {', '.join(names)}"
            )
        names.append(each.name)
        each.check(run.problem)
        if each.batch != "full" and run.objective.batch == "full":
            raise DataError(
                f"observations {each.name!r}: found the batch {each.batch}, allowed where the "
                "objective's batch is full: full"
            )
    if run.data and not run.objective.solves:
        raise ValueError(
            f"data: objective {run.objective.kind} has no terms beside its own; "
            "give its model base: {data: []}"
        )
    if run.data and run.stages.continues:
        raise ValueError(
            f"data: stages {run.stages.kind} trains on one window of time after the other, "
            "and observations belong to all of them: found both"
        )


def _check_terms(run: "Configuration") -> None:
    """Refuse a weighting or a direction that these loss terms do not allow."""
    objective = run.objective
    fixed = objective.fixed_points and all(each.batch == "full" for each in run.data)
    run.weighting.check(run.problem, objective.batch, not fixed)
    if run.looks_at_conflicts:
        _check_direction(run)


def _check_direction(run: "Configuration") -> None:
    """Refuse what needs another direction than the aggregation makes of the loss terms."""
    needing = [
        phase.kind for phase in run.phases if phase.searches or phase.columns == "last layer"
    ]
    if needing and run.aggregation.kind != "sum":
        raise ValueError(
            f"aggregation {run.aggregation.kind} makes a direction that is no gradient of a "
            f"loss, and the phase {needing[0]} needs one: found both"
        )
    if run.objective.l2 and run.aggregation.kind != "sum":
        raise ValueError(
            f"aggregation {run.aggregation.kind} makes a direction of the terms' gradients, "
            "among which the penalty of weights is not: found objective.l2 "
            f"{run.objective.l2}, allowed: 0"
        )
    run.alignment.check(run.phases)


def _check_turns(run: "Configuration") -> None:
    """Refuse what has no meaning for an optimizer that takes one term's gradient a step."""
    turning = [phase.kind for phase in run.phases if phase.takes_turns]
    if not turning:
        return
    if run.terms < 2:
        raise ValueError(
            f"phases: {turning[0]} takes the gradients of the loss terms in turn, allowed: 2 "
            f"terms or more, found 1 (objective {run.objective.kind}, problem "
            f"{run.problem.kind}, constraints {run.constraints})"
        )
    beside = {
        "aggregation": (run.aggregation.kind, "sum"),
        "objective.l2": (run.objective.l2, 0.0),
        "record.conflict": (run.record.conflict, False),
    }
    for name, (found, allowed) in beside.items():
        if found != allowed:
            raise ValueError(
                f"phases: {turning[0]} takes the gradient of one loss term in a step and makes "
                f"its direction of them, found {name} {found}, allowed: {allowed}"
            )


def _check_squares(run: "Configuration") -> None:
    """Refuse what has no meaning for an optimizer that takes the loss's squares apart."""
    objective = run.objective
    drawn = objective.batch != "full" and objective.points == "grid"
    resampled = drawn or not objective.fixed_points
    resampled = resampled or any(each.batch != "full" for each in run.data)
    for phase in run.phases:
        if not phase.squares:
            continue
        if objective.solves and run.weighting.climbs:
            raise ValueError(
                f"weighting {run.weighting.kind} climbs the loss that the phase {phase.kind} "
                "takes for a sum of squares with known weights: found both"
            )
        if objective.l2 and phase.columns == "last layer":
            raise ValueError(
                f"phases: {phase.kind} solves for the last layer without a penalty of weights: "
                f"found objective.l2 {objective.l2}, allowed: 0"
            )
        phase.check_rows(run.residuals, run.columns_of(phase), resampled)
