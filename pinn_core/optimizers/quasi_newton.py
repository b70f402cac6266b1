"""What quasi-Newton methods share: one line search a step for every member that still runs.

A state holds, beside what makes the directions: ``update`` and ``gradient`` (m, P) of the last
step, ``iterations``, ``evaluations`` (those of line searches) and ``stopped`` (m,).
"""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from jaxtyping import Float, Int

from pinn_core.optimizers.line_search import LinePoint, strong_wolfe, together
from pinn_core.optimizers.optimizer import State, StepContext
from pinn_core.optimizers.stopping import CHANGE, GRADIENT, NO_DESCENT, NOT_FINITE, RUNNING
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import dots


class Line(NamedTuple):
    """A member's line: its start, the sum of the gradient's |entries|, the direction's largest."""

    start: LinePoint
    gradient_sum: float
    reach: float


class Tolerances(NamedTuple):
    """Where to stop: largest |entry| of the gradient; changes of parameters or loss in a step.

    ``slack``: for which part of a loss its rounding counts, as in ``strong_wolfe``.
    """

    gradient: float
    change: float
    slack: float = 0.0

    def before(self, start: LinePoint) -> int:
        """Why not to search a line, or ``RUNNING``."""
        if not (isfinite(start.loss) and isfinite(start.slope) and isfinite(start.steepest)):
            return NOT_FINITE
        if start.steepest <= self.gradient:
            return GRADIENT
        return NO_DESCENT if start.slope > -self.change or start.slope == 0 else RUNNING

    def after(self, line: Line, end: LinePoint) -> int:
        """Why to stop at the end of a line, or ``RUNNING``."""
        if end.steepest <= self.gradient:
            return GRADIENT
        if end.length == 0:
            return NO_DESCENT
        moved, gained = line.reach * end.length, abs(end.loss - line.start.loss)
        return CHANGE if moved <= self.change or gained < self.change else RUNNING


def no_moves(parameters: Float[Tensor, "m p"]) -> State:
    """The part of a state that every quasi-Newton method has, before the first step."""
    counts = parameters.new_zeros(len(parameters), dtype=torch.int64)
    return {
        "update": torch.zeros_like(parameters),
        "gradient": torch.zeros_like(parameters),
        "iterations": counts,
        "evaluations": counts.clone(),
        "stopped": counts.clone(),
    }


def search_lines(
    state: State,
    context: StepContext,
    running: Int[Tensor, " k"],
    directions: Float[Tensor, "k p"],
    rates: Float[Tensor, "m 1"],
    tolerances: Tolerances,
    backend: str = "auto",
) -> tuple[Float[Tensor, "m p"], dict[int, LinePoint]]:
    """Updates to strong Wolfe points along the running members' directions, and these points.

    The rate is the first length tried, in the first iteration at most 1 / |grad|_1 of it. Who finds
    no way, or has converged, is stopped in ``state``.
    """
    gradient = context.gradient[running]
    lines = _lines(context.loss[running], gradient, directions, backend)
    state["stopped"][running] = running.new_tensor(
        [tolerances.before(line.start) for line in lines]
    )
    descends = state["stopped"][running] == RUNNING
    rows, directions = running[descends], directions[descends]
    lines = [line for line, going in zip(lines, descends.tolist(), strict=True) if going]
    searches = [
        strong_wolfe(
            line.start, length, narrowest=tolerances.change / line.reach, slack=tolerances.slack
        )
        for line, length in zip(lines, _first_lengths(rates, state, rows, lines), strict=True)
    ]
    accepted = together(context, rows.tolist(), directions, searches, backend)

    update = torch.zeros_like(context.parameters)
    lengths = update.new_tensor([each.trial.length for each in accepted])
    update[rows] = directions * lengths[:, None]
    state["update"][rows] = update[rows]
    state["gradient"][rows] = context.gradient[rows]
    state["iterations"][rows] += 1
    state["evaluations"][rows] += rows.new_tensor([each.evaluations for each in accepted])
    reasons = [
        tolerances.after(line, each.trial) for line, each in zip(lines, accepted, strict=True)
    ]
    state["stopped"][rows] = rows.new_tensor(reasons)
    ends = [each.trial for each in accepted]
    return update, dict(zip(rows.tolist(), ends, strict=True))


def _lines(
    loss: Float[Tensor, " k"],
    gradient: Float[Tensor, "k p"],
    directions: Float[Tensor, "k p"],
    backend: str,
) -> list[Line]:
    slopes, sums = dots([gradient] * 2, [directions, gradient.sign()], backend)
    largest = [rows.abs().amax(1).double() for rows in (gradient, directions)]
    numbers = torch.stack([loss.double(), slopes, *largest, sums], dim=1).tolist()
    return [
        Line(LinePoint(0.0, loss, slope, steepest), total, reach)
        for loss, slope, steepest, reach, total in numbers
    ]


def _first_lengths(
    rates: Float[Tensor, "m 1"], state: State, rows: Int[Tensor, " k"], lines: Sequence[Line]
) -> list[float]:
    """What each line search tries first, with care in the first iteration."""
    first = (state["iterations"][rows] == 0).tolist()
    return [
        min(1.0, 1.0 / line.gradient_sum) * rate if is_first else rate
        for rate, is_first, line in zip(rates[rows, 0].tolist(), first, lines, strict=True)
    ]
