"""SPRING: natural gradient steps with momentum, for residuals that are fewer than parameters.

Goldshlager, Abrahamsen and Lin, J. Comput. Phys. 516 (2024); for PINNs, with energy natural
gradients by Woodbury's identity and their line search, Guzman-Cordero, Dangel, Goldshlager and
Zeinhofer 2025. With residuals r whose squares the loss sums, J = dr / dtheta, and phi of the last
step (0 at first),

    phi <- mu phi - J^T (J J^T + l)^-1 (r + mu J phi),    theta <- theta + a phi

where a is the best of 1, 1/2, 1/4, ... 2^-30 (Mueller and Zeinhofer 2023 search so). Without
momentum this is ENGD-W, Gauss-Newton's step with a fixed damping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, below
from pinn_core.engine.stack import Stack
from pinn_core.optimizers.damped import SYSTEMS, Solver, flops
from pinn_core.optimizers.levenberg_marquardt import (
    in_groups,
    numbers_of,
    refuse_large,
    stop_unsound,
)
from pinn_core.optimizers.optimizer import (
    OPTIMIZERS,
    Optimizer,
    Settings,
    State,
    StepContext,
    StepCost,
)
from pinn_core.optimizers.stopping import NOT_FINITE, RUNNING
from pinn_core.tensors import Tensor, torch

LENGTHS = tuple(2.0**-k for k in range(30, -1, -1))
"""What the line search tries, the likeliest last: the next step then need not evaluate it again."""
EVALUATIONS = len(LENGTHS) + 1
"""Of a step: the losses of these, and the gradient where it ends."""
LEAST_SHARE = 0.05
"""Of the parameters: so many residuals a batch has at least; published ones have a third."""


@OPTIMIZERS.register("spring")
@dataclass(frozen=True, kw_only=True)
class Spring(Optimizer):
    """theta <- theta + a phi, phi <- mu phi - J^T (J J^T + l)^-1 (r + mu J phi).

    mu is the ``momentum``: 0 is ENGD-W, energy natural gradient descent by Woodbury's identity. l
    is the ``damping``, of residuals each with the root of its weight over its term's points; a the
    best of 31 lengths, 0 where none lowers the loss. The authors' bias correction of phi is left
    out: the line search would undo it. ``solver`` as in ``levenberg_marquardt``; the smaller of
    J J^T and J^T J is made. A member stops for good where its gradient vanishes or a number is not
    finite. Up to 5000 parameters. Points may be drawn anew in every step.

    When to use: Where residuals are fewer than parameters, or points are drawn anew in every step,
    on which ``levenberg_marquardt`` refuses small batches. A step takes a dense Jacobian and 31
    evaluations of the loss.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"damping", "momentum"})
    counts: ClassVar[frozenset[str]] = frozenset({"evaluations", "stopped"})
    searches: ClassVar[bool] = True
    squares: ClassVar[bool] = True

    steps: int = 200
    """Number of updates of the phase."""
    damping: float = 1e-3
    """The number l that is added to the diagonal of J J^T."""
    momentum: float = 0.99
    """The part mu of the last direction that is carried on; 0 carries nothing."""
    solver: Solver = "cholesky"
    """How the damped system is solved, as in ``levenberg_marquardt``."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)
        above(0, damping=self.damping)
        at_least(0, momentum=self.momentum)
        below(1, momentum=self.momentum)

    def check(self, precision: str, size: int) -> None:  # noqa: ARG002
        """Refuse networks whose Jacobian is too large."""
        refuse_large(self.kind, size)

    def check_rows(self, rows: int, size: int, resampled: bool) -> None:
        """Refuse batches that say too little of the problem."""
        if resampled and rows < LEAST_SHARE * size:
            raise ValueError(
                f"phases: {self.kind} goes along a line to the lowest loss of a batch; found "
                f"batches of {rows} residuals, drawn anew in every step, for {size} parameters, "
                f"allowed: at least {round(LEAST_SHARE * size)}, or points that stay"
            )

    def cost(self, stack: Stack) -> StepCost:  # noqa: ARG002
        """The line search and its end."""
        return StepCost(evaluations=float(EVALUATIONS))

    def cost_of_rows(self, rows: int, size: int) -> StepCost:
        """The Jacobian, the system and its solution."""
        return StepCost(0.0, flops(self.solver, rows, size, 1.0), numbers_of(rows, size))

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """Zero for phi; everybody running."""
        counts = parameters.new_zeros(len(parameters), dtype=torch.int64)
        return {
            "direction": torch.zeros_like(parameters),
            "evaluations": counts,
            "stopped": counts.clone(),
        }

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],  # noqa: ARG002
        backend: str = "auto",  # noqa: ARG002
    ) -> Float[Tensor, "m p"]:
        """One step of every member whose ``state["stopped"]`` is ``RUNNING``."""
        update = torch.zeros_like(context.parameters)
        stop_unsound(state, context)
        running = (state["stopped"] == RUNNING).nonzero()[:, 0].tolist()
        for members in in_groups(running, context):
            found = self._direction(settings, state["direction"][members], context, members)
            sound = found.isfinite().all(1)
            state["direction"][members] = torch.where(sound[:, None], found, 0.0)
            lengths = _best(context, members, state["direction"][members])
            update[members] = lengths[:, None] * state["direction"][members]
            state["evaluations"][members] += EVALUATIONS
            state["stopped"][members] += NOT_FINITE * ~sound
        return update

    def _direction(
        self,
        settings: Settings,
        last: Float[Tensor, "k p"],
        context: StepContext,
        members: Sequence[int],
    ) -> Float[Tensor, "k p"]:
        """The phi of this step, from the last one."""
        residuals, jacobian = context.residuals(members)
        size = jacobian.shape[2]
        carried = settings["momentum"][members].double() * last.double()
        ahead = residuals.double() + (jacobian.double() @ carried[:, :size, None])[..., 0]
        found = carried.clone()
        step = SYSTEMS[self.solver](ahead, jacobian).step(settings["damping"][members, 0].double())
        found[:, :size] += step
        return found.to(last.dtype)


def _best(
    context: StepContext, members: Sequence[int], direction: Float[Tensor, "k p"]
) -> Float[Tensor, " k"]:
    """The length with each member's lowest loss, 0 where none is below the present one."""
    lowest = context.loss[members].double()
    lengths = torch.zeros_like(lowest)
    for length in LENGTHS:
        loss, _ = context.evaluate(context.parameters[members] + length * direction, members)
        lower = loss < lowest
        lowest, lengths = torch.where(lower, loss, lowest), torch.where(lower, length, lengths)
    return lengths.to(direction.dtype)
