"""L-BFGS with a strong Wolfe line search (Liu and Nocedal 1989; Nocedal and Wright 2006, 7.4-7.5).

Each member on its own, with the semantics of ``torch.optim.LBFGS``: one update here is one of its
inner iterations within a single long ``step``. Directions and line searches of a pack go together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pinn_core.checks import above, at_least
from pinn_core.optimizers.line_search import Trial, strong_wolfe, together
from pinn_core.optimizers.optimizer import OPTIMIZERS, Descent, Settings, State
from pinn_core.optimizers.stopping import CHANGE, GRADIENT, NO_DESCENT, NOT_FINITE, RUNNING
from pinn_core.optimizers.two_loop import descent_direction, no_pairs, remember
from pinn_core.rows import dots


class _Line(NamedTuple):
    """A member's line: its start, the sum of the gradient's |entries|, the direction's largest."""

    start: Trial
    gradient_sum: float
    reach: float


@OPTIMIZERS.register("lbfgs")
@dataclass(frozen=True, kw_only=True)
class LBFGS:
    """theta <- theta - t H grad, with H from the last ``history`` pairs of steps and gradients.

    ``learning_rate`` is the first t that each line search tries (in the first iteration at most
    1 / |grad|_1 of it). A member stops for good, its updates zero from then on, where the largest
    entry of its gradient is at most ``tolerance_gradient``; where an iteration changes parameters
    or loss by less than ``tolerance_change``; where the search finds no step or the slope is above
    -``tolerance_change``; or where loss or gradient are not finite. Inner products are made in
    float64, whatever the parameters are in.
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    searches: ClassVar[bool] = True
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    steps: int = 1000
    learning_rate: float = 1.0
    history: int = 100
    tolerance_gradient: float = 1e-7
    tolerance_change: float = 1e-9

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, history=self.history)
        above(0, learning_rate=self.learning_rate)
        at_least(
            0, tolerance_gradient=self.tolerance_gradient, tolerance_change=self.tolerance_change
        )

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """No pairs; everybody running."""
        counts = parameters.new_zeros(len(parameters), dtype=torch.int64)
        return no_pairs(parameters, self.history) | {
            "update": torch.zeros_like(parameters),
            "gradient": torch.zeros_like(parameters),
            "iterations": counts,
            "evaluations": counts.clone(),
            "stopped": counts.clone(),
        }

    def update(
        self,
        settings: Settings,
        state: State,
        descent: Descent,
        step: int | Int[Tensor, ""],  # noqa: ARG002
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """One iteration of every member that still runs; ``state["stopped"]`` says who does not."""
        update = torch.zeros_like(descent.parameters)
        running = (state["stopped"] == RUNNING).nonzero()[:, 0]
        if len(running) == 0:
            return update
        gradient = descent.gradient[running]
        moves, differences = state["update"][running], gradient - state["gradient"][running]
        remember(state, running.tolist(), moves, differences, backend)
        directions = torch.stack(
            [
                descent_direction(state, row, own, backend)
                for row, own in zip(running.tolist(), gradient, strict=True)
            ]
        )
        lines = _lines(descent.loss[running], gradient, directions, backend)
        state["stopped"][running] = running.new_tensor([self._before(line.start) for line in lines])

        descends = state["stopped"][running] == RUNNING
        rows, directions = running[descends], directions[descends]
        lines = [line for line, going in zip(lines, descends.tolist(), strict=True) if going]
        searches = [
            strong_wolfe(line.start, length, narrowest=self.tolerance_change / line.reach)
            for line, length in zip(
                lines, _first_lengths(settings, state, rows, lines), strict=True
            )
        ]
        accepted = together(descent, rows.tolist(), directions, searches, backend)

        lengths = update.new_tensor([each.trial.length for each in accepted])
        update[rows] = directions * lengths[:, None]
        state["update"][rows] = update[rows]
        state["gradient"][rows] = descent.gradient[rows]
        state["iterations"][rows] += 1
        state["evaluations"][rows] += rows.new_tensor([each.evaluations for each in accepted])
        reasons = [
            self._after(line, each.trial) for line, each in zip(lines, accepted, strict=True)
        ]
        state["stopped"][rows] = rows.new_tensor(reasons)
        return update

    def _before(self, start: Trial) -> int:
        """Why not to search a line, or ``RUNNING``."""
        if not (isfinite(start.loss) and isfinite(start.slope) and isfinite(start.steepest)):
            return NOT_FINITE
        if start.steepest <= self.tolerance_gradient:
            return GRADIENT
        level = start.slope > -self.tolerance_change or start.slope == 0
        return NO_DESCENT if level else RUNNING

    def _after(self, line: _Line, end: Trial) -> int:
        """Why to stop at the end of a line, or ``RUNNING``."""
        if end.steepest <= self.tolerance_gradient:
            return GRADIENT
        if end.length == 0:
            return NO_DESCENT
        moved, gained = line.reach * end.length, abs(end.loss - line.start.loss)
        small = moved <= self.tolerance_change or gained < self.tolerance_change
        return CHANGE if small else RUNNING


def _lines(
    loss: Float[Tensor, " k"],
    gradient: Float[Tensor, "k p"],
    directions: Float[Tensor, "k p"],
    backend: str,
) -> list[_Line]:
    slopes, sums = dots([gradient] * 2, [directions, gradient.sign()], backend)
    largest = [rows.abs().amax(1).double() for rows in (gradient, directions)]
    numbers = torch.stack([loss.double(), slopes, *largest, sums], dim=1).tolist()
    return [
        _Line(Trial(0.0, loss, slope, steepest), total, reach)
        for loss, slope, steepest, reach, total in numbers
    ]


def _first_lengths(
    settings: Settings, state: State, rows: Int[Tensor, " k"], lines: Sequence[_Line]
) -> list[float]:
    """What each line search tries first: the learning rate, with care in the first iteration."""
    rates = settings["learning_rate"][rows, 0].tolist()
    first = (state["iterations"][rows] == 0).tolist()
    return [
        min(1.0, 1.0 / line.gradient_sum) * rate if is_first else rate
        for rate, is_first, line in zip(rates, first, lines, strict=True)
    ]
