"""What the loss landscape's diagnostics cost a member: operations, memory, and their record."""

from pinn_core.configuration import Configuration
from pinn_core.probes import keeps_pairs
from pinn_core.probes.landscape import CURVATURE_STEPS, KERNEL_POINTS, PROBES, SPECTRUM_STEPS
from pinn_core.records.trajectory import HISTOGRAM_EDGES, PRECONDITIONED
from pinn_core.training.cadences import cadences


def landscape_operations(configuration: Configuration, points: int) -> float:
    """Operations per parameter and update for what is recorded of the loss landscape.

    A product with a Hessian costs about four gradients, each term's and the total's; a kernel has
    a gradient per point. L-BFGS has every spectrum twice.
    """
    record = configuration.record
    spectra = 2 if keeps_pairs(configuration.phases) else 1
    products = [(record.curvature_every, CURVATURE_STEPS)]
    products += [(record.spectrum_every, spectra * PROBES * SPECTRUM_STEPS)]
    each = sum(2 * 4 * 24.0 * points * count / every for every, count in products if every)
    if record.histograms_every:
        each += 24.0 * points / record.histograms_every
    if record.kernel_every:
        each += 2 * 24.0 * KERNEL_POINTS / record.kernel_every
    return each


def landscape_bytes(configuration: Configuration, per_hessian: int) -> int:
    """Bytes for a member's Hessians and tangent kernels, in float64, and for what is kept of them.

    A Hessian's graph holds the derivatives of all that a gradient's way there and back holds:
    ``per_hessian`` numbers of a channel of one unit at one point.
    """
    problem, record = configuration.trained_problem, configuration.record
    stack, points = configuration.stack(), problem.grid_size
    inside = min(record.gradient_points, points[0])
    numbers = 0
    if record.curvature_every or record.spectrum_every:
        operators = configuration.objective.operators(problem)
        channels = 1 + len(problem.coordinates) + len(operators)
        numbers += per_hessian * sum(stack.widths[1:-1]) * (channels * inside + points[1])
        numbers += SPECTRUM_STEPS * stack.size
    if record.spectrum_every and keeps_pairs(configuration.phases):
        history = max(getattr(phase, "history", 0) for phase in configuration.phases)
        numbers += 2 * history * stack.size
    if record.kernel_every:
        numbers += 2 * _terms(configuration) * KERNEL_POINTS * stack.size
    return 8 * (numbers + landscape_cells(configuration))


def landscape_cells(configuration: Configuration) -> int:
    """Numbers that a member's record holds of the loss landscape."""
    spectrum = 2 * PROBES * SPECTRUM_STEPS
    sizes = {
        "histogram": len(configuration.stack().shapes) * len(HISTOGRAM_EDGES),
        "curvature": 2 * CURVATURE_STEPS,
        "spectrum": spectrum,
        PRECONDITIONED: spectrum,
        "kernel": 2 * KERNEL_POINTS,
    }
    due, rows = cadences(configuration), configuration.steps + 1
    cells = sum(len(due[kind].steps(rows)) * size for kind, size in sizes.items())
    return _terms(configuration) * cells


def _terms(configuration: Configuration) -> int:
    """Loss terms that the landscape is looked at for: residual, conditions, data, their sum."""
    return 2 + len(configuration.problem.conditions) + len(configuration.data)
