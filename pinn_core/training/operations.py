"""How many floating point operations training takes, estimated: what packs and plans go by."""

from pinn_core.configuration import Configuration
from pinn_core.engine.operators import Channels
from pinn_core.training.cadences import gradients_are_free
from pinn_core.training.landscape_cost import landscape_operations

PYTHON_STEP = 1e8
"""What an update costs beside arithmetic, as operations: some 2 ms of Python on one core."""


def flops(configuration: Configuration, members: int = 1) -> float:
    """Estimated operations of so many runs together: updates, what is recorded, Python itself."""
    each = update_flops(configuration) + configuration.steps * recording_flops(configuration)
    return members * each + configuration.steps * PYTHON_STEP


def update_flops(configuration: Configuration) -> float:
    """Estimated operations of all updates alone, of every phase and stage."""
    stack, evaluation = configuration.stack(), step_flops(configuration)
    costs = [(phase, phase.cost(stack)) for phase in configuration.phases]
    costs += [
        (phase, phase.cost_of_rows(configuration.rows, configuration.columns_of(phase)))
        for phase in configuration.phases
        if phase.squares
    ]
    return configuration.stages.count * sum(
        phase.steps * (cost.evaluations * evaluation + cost.flops) for phase, cost in costs
    )


def recording_flops(configuration: Configuration) -> float:
    """Estimated operations per update of what is recorded beside the training, on average.

    Nothing where a full batch gives it for free. Else 2 per parameter at the points of every step,
    the gradients' 24 and 6 when they are due, and on the whole grid 8 inside and 2 outside. At
    held-out points 8.
    """
    record = configuration.record
    interior, supervised = configuration.trained_problem.grid_size
    free = configuration.objective.batch == "full"
    watched = record.points + sum(each.rows for each in configuration.data)
    each = 0.0 if free else 2.0 * watched
    if record.gradients_every and not gradients_are_free(configuration):
        each += (24.0 * record.gradient_points + 6.0 * supervised) / record.gradients_every
    if record.full_every:
        each += (8.0 * interior + 2.0 * supervised) / record.full_every
    if record.held_out_every:
        each += 8.0 * record.held_out_points / record.held_out_every
    each += landscape_operations(configuration, min(record.gradient_points, interior))
    stack, points = configuration.stack(), interior + supervised
    probed = sum(
        probe.cost(stack, points).flops / probe.every for probe in record.probes if probe.every
    )
    return each * parameters(configuration) + probed


def step_flops(configuration: Configuration) -> float:
    """Estimated floating point operations of one update.

    A parameter costs 6 (2 forward, 4 in reverse) for every channel at each point: the value alone,
    and at an interior point of a PINN what its operators need beside it, four for the heat
    equation. The way back of order three is autograd's, which doubles it. An MLP of width w and D
    layers has about (D - 1) w^2 parameters.
    """
    problem, objective = configuration.trained_problem, configuration.objective
    interior, supervised = problem.grid_size
    channels = _channels(configuration) if objective.solves else 1
    if channels > 1 and problem.interior_points != "all":
        interior = int(problem.interior_points)
    batch = objective.batch
    if objective.points != "grid":
        segments = sum(len(each.segments) for each in problem.conditions.values())
        outside = segments * (objective.condition_batch or int(batch))
        inside = channels * int(batch)
        return 6.0 * parameters(configuration) * (inside + outside + configuration.observed)
    share = 1.0 if batch == "full" else batch / (interior + supervised)
    points = share * (channels * interior + supervised) + configuration.observed
    return 6.0 * parameters(configuration) * points


def _channels(configuration: Configuration) -> int:
    """Channels through an interior point, as if those of order three were so many of order two."""
    problem = configuration.trained_problem
    operators = configuration.objective.operators(problem)
    carried = Channels(operators, len(problem.coordinates)).with_pairs()
    return carried.count * (2 if any(op.third for op in operators) else 1)


def parameters(configuration: Configuration) -> int:
    """How many numbers are trained."""
    return configuration.stack().size
