"""What a member of a pack takes of memory, and how many members fit."""

import torch

from pinn_core.configuration import Configuration
from pinn_core.memory import Memory, memory_of, release
from pinn_core.objectives import Pinn
from pinn_core.trainer import Member, train
from pinn_core.trajectory import COLUMNS, SKETCH_SIZE

MARGIN = 0.8
"""Part of the memory that a pack may plan with; allocators leave gaps, others come and go."""
COPIES = 12
"""Tables of a member's parameters: its own, the optimizer's, gradients, updates, temporaries."""
PER_UNIT = 2
"""Numbers that stay of a channel of one unit at one point: before and after its activation."""


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
    """What a member needs on a CPU, in bytes: layers kept for the way back, parameters, record."""
    stack, record = configuration.stack(), configuration.record
    units = PER_UNIT * sum(stack.widths[1:-1]) * points_with_channels(configuration)
    rows = configuration.steps + 1
    sketches = rows // record.sketch_every + 1 if record.sketch_every else 0
    numbers = units + COPIES * stack.size + rows * len(COLUMNS) + sketches * SKETCH_SIZE
    return numbers * (8 if configuration.precision == "float64" else 4)


def points_with_channels(configuration: Configuration) -> int:
    """Points of a step times the channels that travel through them, diagnostics included.

    At interior points of a PINN, and where its gradients are only watched, these are the value,
    the slopes and the operators; elsewhere the value alone.
    """
    problem, record = configuration.problem, configuration.record
    objective = configuration.objective
    channels = 1 + len(problem.coordinates) + len(problem.operators)
    grid = problem.grid()
    interior, supervised = len(grid.interior.coordinates), len(grid.supervised.coordinates)
    watched = channels * min(record.gradient_points, interior) + supervised
    if not isinstance(objective, Pinn):
        trained = interior + supervised if objective.batch == "full" else objective.batch
    elif objective.batch == "full":
        inside = problem.interior_points
        trained = channels * (interior if inside == "all" else int(inside)) + supervised
        watched = 0  # a full batch gives both gradients for nothing
    else:
        trained = channels * objective.batch
        if objective.points != "grid":
            segments = sum(len(one.segments) for one in problem.conditions.values())
            trained += segments * (objective.condition_batch or objective.batch)
    return trained + (watched if record.gradients_every else 0)


_probes: dict[tuple[str, str], int] = {}


def _probed(configuration: Configuration, device: str) -> int:
    """Bytes on a GPU at the peak of one member's first step, in which every diagnostic is due."""
    key = (configuration.shape_key(), device)
    if key not in _probes:
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        train([Member(configuration, 0)], device=device, stop_after=1)
        _probes[key] = max(1, torch.cuda.max_memory_allocated(device) - before)
        release(device)
    return _probes[key]
