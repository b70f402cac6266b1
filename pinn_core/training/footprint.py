"""What a member of a pack takes of memory, and how many members fit."""

from pinn_core.configuration import Configuration
from pinn_core.engine.precision import bytes_of
from pinn_core.optimizers import Optimizer
from pinn_core.problems.problem import Problem
from pinn_core.records.trajectory import COLUMNS, SKETCH_SIZE
from pinn_core.training.cadences import cadences, gradients_are_free
from pinn_core.training.fields import field_bytes
from pinn_core.training.landscape_cost import landscape_bytes, landscape_cells
from pinn_core.training.memory import Memory, memory_of, release
from pinn_core.training.snapshots import snapshot_bytes

MARGIN = 0.8
"""Part of the memory that a pack may plan with; allocators leave gaps, others come and go."""
COPIES = 10
"""Tables of a member's parameters: its own, gradients, updates, temporaries."""
PER_UNIT = 2
"""Numbers that stay of a channel of one unit at one point: before and after its activation."""
PER_TERM = 6
"""Tables of a member's parameters for each loss term where conflicts are looked at, some double."""
PER_HESSIAN = 8
"""The same where the gradient's own derivatives stay too."""


def most_members(configuration: Configuration, device: str, share: float = 1.0) -> int | None:
    """How many members of this shape fit into a part of the device's memory, at least 1.

    ``share`` is that part, in (0, 1]. On a GPU one member makes its first step and is measured, on
    a CPU its need is estimated. None where the memory is not known.
    """
    if device != "cpu":
        release(device)
    memory = memory_of(device)
    if memory is None:
        return None
    each = estimated_bytes(configuration) if device == "cpu" else _probed(configuration, device)
    return members_that_fit(memory, share, each)


def members_that_fit(memory: Memory, share: float, each: int) -> int:
    """How many times ``each`` bytes are in the share, or in what is free if that is less."""
    return max(1, int(MARGIN * min(memory.free, share * memory.total)) // each)


def estimated_bytes(configuration: Configuration) -> int:
    """What a member needs on a CPU, in bytes."""
    return sum(member_needs(configuration).values())


def member_needs(configuration: Configuration) -> dict[str, int]:
    """Bytes of a member on a CPU by what they are for.

    ``layers`` kept for the way back, ``parameters`` with what the optimizer keeps of them, the
    ``jacobian`` of the residuals and matrices made of it, the ``record`` of all rows, the
    ``snapshots`` of the parameters and the fields, what ``probes`` and the loss ``landscape`` take.
    """
    stack, itemsize = configuration.stack(), bytes_of(configuration.precision)
    curved = any(phase.cost(stack).curved for phase in configuration.phases)
    each = PER_UNIT + PER_HESSIAN * curved
    units = each * sum(stack.widths[1:-1]) * points_with_channels(configuration)
    others = len(configuration.problem.conditions) + len(configuration.data)
    apart = PER_TERM * (1 + others) if configuration.looks_at_conflicts else 0
    states = max(state_bytes(configuration, phase) for phase in configuration.phases)
    rows, sketches = configuration.steps + 1, _sketches(configuration)
    return {
        "layers": units * itemsize,
        "parameters": (COPIES + apart) * stack.size * itemsize + states,
        "jacobian": 8 * max(_jacobian_numbers(configuration), default=0),
        "record": (rows * len(COLUMNS) + sketches * SKETCH_SIZE) * itemsize,
        "snapshots": snapshot_bytes(configuration, in_memory=True) + field_bytes(configuration),
        "probes": 8 * sum(_probed_numbers(configuration)),
        "landscape": landscape_bytes(configuration, PER_HESSIAN),
    }


def _jacobian_numbers(configuration: Configuration) -> list[int]:
    """Numbers of every phase's Jacobian of the residuals, and of what is made of it."""
    phases = [phase for phase in configuration.phases if phase.squares]
    rows = configuration.rows
    return [phase.cost_of_rows(rows, configuration.columns_of(phase)).numbers for phase in phases]


def _probed_numbers(configuration: Configuration) -> list[int]:
    """Numbers that each probe keeps of a member while it measures."""
    stack, points = configuration.stack(), sum(configuration.trained_problem.grid_size)
    return [probe.cost(stack, points).numbers for probe in configuration.record.probes]


def grid_bytes(problem: Problem) -> int:
    """What the problem's grid takes, which all members share: points, solutions, and a copy."""
    numbers = len(problem.coordinates) + 2 * problem.outputs
    return 2 * 8 * numbers * sum(problem.grid_size)


def trajectory_bytes(configuration: Configuration) -> int:
    """What a run's trajectory holds, before it is compressed for the store."""
    rows, sketches = configuration.steps + 1, _sketches(configuration)
    return 8 * (rows * len(COLUMNS) + landscape_cells(configuration)) + 4 * sketches * SKETCH_SIZE


def _sketches(configuration: Configuration) -> int:
    return len(cadences(configuration)["sketch"].steps(configuration.steps + 1))


def state_bytes(configuration: Configuration, optimizer: Optimizer) -> int:
    """What an optimizer keeps for a member; a phase's state is gone when the next one begins."""
    stack, precision = configuration.stack(), configuration.precision
    numbers = optimizer.cost(stack).numbers
    numbers += configuration.terms * stack.size if optimizer.takes_turns else 0
    more = numbers * bytes_of(precision)
    return more + optimizer.state_bytes(stack.size, precision)


def points_with_channels(configuration: Configuration) -> int:
    """Points of a step times the channels that travel through them, diagnostics included.

    At interior points of a PINN, and where its gradients are only watched, these are the value,
    the slopes and the operators; elsewhere the value alone.
    """
    problem, record = configuration.trained_problem, configuration.record
    objective = configuration.objective
    channels = 1 + len(problem.coordinates) + len(objective.operators(problem))
    interior, supervised = problem.grid_size
    watched = channels * min(record.gradient_points, interior) + supervised
    if not objective.solves:
        trained = interior + supervised if objective.batch == "full" else objective.batch
    elif objective.batch == "full":
        inside = problem.interior_points
        trained = channels * (interior if inside == "all" else int(inside)) + supervised
        if gradients_are_free(configuration):
            watched = 0
    else:
        trained = channels * objective.batch
        if objective.points != "grid":
            segments = sum(len(one.segments) for one in problem.conditions.values())
            trained += segments * (objective.condition_batch or objective.batch)
    return trained + configuration.observed + (watched if record.gradients_every else 0)


_probes: dict[tuple[str, str], int] = {}


def _probed(configuration: Configuration, device: str) -> int:
    """Bytes on a GPU at the peak of one member's first step, in which every diagnostic is due."""
    import torch

    from pinn_core.training.trainer import Member, train

    key = (configuration.shape_key(), device)
    if key not in _probes:
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        train([Member(configuration, 0)], device=device, stop_after=1)
        held = torch.cuda.max_memory_allocated(device) - before
        states = [state_bytes(configuration, phase) for phase in configuration.phases]
        _probes[key] = max(1, held + max(states) - states[0])  # the first phase's was there
        release(device)
    return _probes[key]
