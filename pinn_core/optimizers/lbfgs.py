"""L-BFGS with a strong Wolfe line search (Liu and Nocedal 1989; Nocedal and Wright 2006, 7.4-7.5).

Each member on its own, with the semantics of ``torch.optim.LBFGS``: one update here is one of its
inner iterations within a single long ``step``. Directions and line searches of a pack go together.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, at_most, within
from pinn_core.engine.stack import Stack
from pinn_core.optimizers.optimizer import (
    MOST_VECTORS,
    OPTIMIZERS,
    Optimizer,
    Settings,
    State,
    StepContext,
    StepCost,
)
from pinn_core.optimizers.quasi_newton import Tolerances, no_moves, search_lines
from pinn_core.optimizers.stopping import RUNNING
from pinn_core.optimizers.two_loop import descent_direction, no_pairs, remember
from pinn_core.tensors import Tensor, torch


@OPTIMIZERS.register("lbfgs")
@dataclass(frozen=True, kw_only=True)
class LBFGS(Optimizer):
    """theta <- theta - t H grad, with H from the last ``history`` pairs of steps and gradients.

    ``learning_rate`` is the first t that each line search tries (in the first iteration at most
    1 / |grad|_1 of it). A member stops for good, its updates zero from then on, where the largest
    entry of its gradient is at most ``tolerance_gradient``; where an iteration changes parameters
    or loss by less than ``tolerance_change``; where the search finds no step or the slope is above
    -``tolerance_change``; or where loss or gradient are not finite. Inner products are made in
    float64, whatever the parameters are in.

    On a plateau in float32 the loss soon falls by less than its rounding in an update. The line
    search, which compares losses, then finds no step, and the member stops (reason 3 in
    ``work/stopped``), though its gradient is good. ``slack: 1e-6`` with ``tolerance_change: 0``
    goes on by the slopes alone.

    When to use: After a phase of Adam on fixed points, for many digits at the end of a run. It does
    not suit points that are drawn anew in every step.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    counts: ClassVar[frozenset[str]] = frozenset({"evaluations", "stopped"})
    keeps_pairs: ClassVar[bool] = True
    searches: ClassVar[bool] = True

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 1.0
    """The first step length that each line search tries."""
    history: int = 100
    """How many pairs of steps and gradients the inverse Hessian is made of."""
    tolerance_gradient: float = 1e-7
    """A member stops where the largest entry of its gradient is at most this."""
    tolerance_change: float = 1e-9
    """A member stops where parameters or loss change by less than this in an update."""
    slack: float = 0.0
    """By less than this part of the loss at its start, a line search takes no loss for higher than
    another, for its rounding, and goes by slopes: 1e-6 suits float32. 0: torch's line search."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, history=self.history)
        at_most(MOST_VECTORS, history=self.history)
        above(0, learning_rate=self.learning_rate)
        at_least(
            0, tolerance_gradient=self.tolerance_gradient, tolerance_change=self.tolerance_change
        )
        within(0, 1e-2, slack=self.slack)

    def cost(self, stack: Stack) -> StepCost:
        """A line search, and two loops over the history: 8 operations a pair and parameter."""
        return StepCost(evaluations=2.1, flops=8.0 * self.history * stack.size)

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """No pairs; everybody running."""
        return no_pairs(parameters, self.history) | no_moves(parameters)

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],  # noqa: ARG002
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """One iteration of every member whose ``state["stopped"]`` is ``RUNNING``."""
        running = (state["stopped"] == RUNNING).nonzero()[:, 0]
        if len(running) == 0:
            return torch.zeros_like(context.parameters)
        gradient = context.gradient[running]
        moves, differences = state["update"][running], gradient - state["gradient"][running]
        remember(state, running.tolist(), moves, differences, backend)
        directions = torch.stack(
            [
                descent_direction(state, row, own, backend)
                for row, own in zip(running.tolist(), gradient, strict=True)
            ]
        )
        tolerances = Tolerances(self.tolerance_gradient, self.tolerance_change, self.slack)
        rates = settings["learning_rate"]
        return search_lines(state, context, running, directions, rates, tolerances, backend)[0]
