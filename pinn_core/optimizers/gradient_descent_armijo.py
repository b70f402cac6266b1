"""Gradient descent with backtracking to Armijo's condition (Armijo 1966).

Rathore et al., Challenges in training PINNs: a loss landscape perspective, ICML 2024, section 7,
compare it with Newton's method at the end of a run: a first step of 1, the constants below.
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, below
from pinn_core.engine.stack import Stack
from pinn_core.optimizers.line_search import LinePoint, armijo, together
from pinn_core.optimizers.optimizer import (
    OPTIMIZERS,
    Optimizer,
    Settings,
    State,
    StepContext,
    StepCost,
)
from pinn_core.optimizers.stopping import GRADIENT, NO_DESCENT, NOT_FINITE, RUNNING
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import dots


@OPTIMIZERS.register("gradient_descent_armijo")
@dataclass(frozen=True, kw_only=True)
class GradientDescentArmijo(Optimizer):
    """theta <- theta - t grad, with the first t of learning_rate * shrink^k that falls enough.

    Enough is ``slope_fraction`` of t |grad|^2. A member stops for good, its updates zero from then
    on, where its gradient vanishes, where no t lowers its loss, or where loss or gradient are not
    finite.

    When to use: As the counterpart of ``nncg`` at the end of a run: the same line search without
    the curvature.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    counts: ClassVar[frozenset[str]] = frozenset({"evaluations", "stopped"})
    searches: ClassVar[bool] = True

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 1.0
    """The first step length that each line search tries."""
    slope_fraction: float = 0.1
    """Share of the fall that the slope promises which a step length must bring to be accepted."""
    shrink: float = 0.5
    """Factor of the step length after each one that was not accepted."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)
        above(
            0,
            learning_rate=self.learning_rate,
            slope_fraction=self.slope_fraction,
            shrink=self.shrink,
        )
        below(1, slope_fraction=self.slope_fraction, shrink=self.shrink)

    def cost(self, stack: Stack) -> StepCost:  # noqa: ARG002
        """Nine evaluations in a line search, on average."""
        return StepCost(evaluations=9.0)

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """Everybody running."""
        counts = parameters.new_zeros(len(parameters), dtype=torch.int64)
        return {"evaluations": counts, "stopped": counts.clone()}

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],  # noqa: ARG002
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """One line search of every member whose ``state["stopped"]`` is ``RUNNING``."""
        update = torch.zeros_like(context.parameters)
        running = (state["stopped"] == RUNNING).nonzero()[:, 0]
        if len(running) == 0:
            return update
        starts = _starts(context, running, backend)
        state["stopped"][running] = running.new_tensor([_before(start) for start in starts])

        descends = state["stopped"][running] == RUNNING
        rows = running[descends]
        starts = [start for start, going in zip(starts, descends.tolist(), strict=True) if going]
        rates = settings["learning_rate"][rows, 0].tolist()
        searches = [
            armijo(start, rate, slope_fraction=self.slope_fraction, shrink=self.shrink)
            for start, rate in zip(starts, rates, strict=True)
        ]
        directions = -context.gradient[rows]
        accepted = together(context, rows.tolist(), directions, searches, backend)

        lengths = update.new_tensor([each.trial.length for each in accepted])
        update[rows] = directions * lengths[:, None]
        state["evaluations"][rows] += rows.new_tensor([each.evaluations for each in accepted])
        reasons = [
            RUNNING if each.trial.loss < start.loss else NO_DESCENT
            for start, each in zip(starts, accepted, strict=True)
        ]
        state["stopped"][rows] = rows.new_tensor(reasons)
        return update


def _starts(context: StepContext, rows: Int[Tensor, " k"], backend: str) -> list[LinePoint]:
    """Where each line starts; the slope down the gradient is minus its squared length."""
    gradient = context.gradient[rows]
    (squares,) = dots([gradient], [gradient], backend)
    steepest = gradient.abs().amax(1).double()
    numbers = torch.stack([context.loss[rows].double(), -squares, steepest], dim=1).tolist()
    return [LinePoint(0.0, *row) for row in numbers]


def _before(start: LinePoint) -> int:
    """Why not to search a line, or ``RUNNING``."""
    if not (isfinite(start.loss) and isfinite(start.slope) and isfinite(start.steepest)):
        return NOT_FINITE
    return GRADIENT if start.slope == 0 else RUNNING
