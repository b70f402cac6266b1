"""Levenberg-Marquardt: Gauss-Newton steps with a damping that follows how well they foresee.

Levenberg 1944 and Marquardt 1963; Nocedal and Wright 2006, section 10.3, with a multiple of the
identity as in Levenberg's own method: of a PINN the columns of J differ by orders of magnitude, and
Marquardt's scaling by them would damp the stiffest most. With residuals r whose squares the loss
sums (each with the root of its weight, as in Mueller and Zeinhofer 2023), and J = dr / dtheta,

    (J^T J + d) s = -J^T r,    theta <- theta + s

if the loss falls by at least ``LEAST`` of what the linear model foresees, |r|^2 - |r + J s|^2. As
d -> 0 this is Gauss-Newton's step. Along a curved valley the step is bent by half the acceleration
a of the geodesic that begins with s (Transtrum and Sethna 2012, arXiv:1201.5885), with the second
derivative r_ss of the residuals along s by a difference:

    (J^T J + d) a = -J^T r_ss,    theta <- theta + s + a / 2

if 2 |a| <= ``acceleration`` |s|, else straight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, at_most
from pinn_core.engine.stack import Stack
from pinn_core.optimizers.damped import SYSTEMS, DampedSystem, Solver, flops
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

MOST_PARAMETERS = 5_000
"""J of 15 000 residuals and the matrices made of it then take some 2 GB."""
LEAST, POOR, GOOD = 1e-4, 0.25, 0.75
"""Of the fall foreseen: below the first a step is rejected; what is poor and what is good.

Bolder ones, 0.02 and 0.15, were ahead for 40 steps on Burgers' equation and behind after 60.
"""
LOWER, RAISE, REJECT = 1 / 3, 2.0, 4.0
"""Factors of the damping after a good step, a poor one and a rejected one."""
DAMPINGS = (1e-16, 1e8)
"""Between these it stays; a member whose step is rejected at the upper one stops."""
TRIALS = 1.5
"""Dampings that a step tries on average; an estimate for planning."""
AHEAD = 0.1
"""Part of a step at which its bend is measured, as in the paper."""
TOGETHER = 16
"""Members whose systems are solved together on a GPU."""


@OPTIMIZERS.register("levenberg_marquardt")
@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(Optimizer):
    """theta <- theta - (J^T J + d)^-1 J^T r, Gauss-Newton with a damping d, for dense J.

    d begins as ``damping`` times the largest diagonal entry of J^T J, falls to a third after a step
    whose loss falls by 3/4 and more of what was foreseen, doubles below 1/4 and is four times as
    large after a rejected one. A step tries up to ``trials`` dampings before it keeps the
    parameters. ``solver``: ``cholesky`` of the normal equations (the smaller of J^T J and J J^T);
    ``qr`` of J with sqrt(d) I below, and ``svd`` of J, which do not square J's condition and cost
    several times as much. All solve in float64, also float32's residuals. With ``acceleration`` 0
    steps are straight; else they are bent, but those that would be bent by more (0.75 is the
    paper's, which rejects them; in float32 rounding alone can bend so far). A member stops for
    good where its gradient vanishes, where a step is rejected at the largest damping, or where a
    number is not finite. Up to 5000 parameters; the points of a step must not be drawn anew unless
    they are as many as the parameters.

    When to use: For small networks on points that stay, with at least three times as many residuals
    as parameters, as the only phase or the last. The operations of a step grow as n p min(n, p), of
    n residuals and p parameters.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"damping"})
    counts: ClassVar[frozenset[str]] = frozenset({"evaluations", "stopped"})
    searches: ClassVar[bool] = True
    squares: ClassVar[bool] = True

    steps: int = 200
    """Number of updates of the phase."""
    damping: float = 1e-3
    """The first damping, in parts of the largest diagonal entry of J^T J."""
    solver: Solver = "cholesky"
    """How the damped system is solved."""
    trials: int = 10
    """Dampings that a step tries at most before it keeps the parameters."""
    acceleration: float = 0.75
    """How far a step may be bent, in parts of its length; 0 for straight steps."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, trials=self.trials)
        above(0, damping=self.damping)
        at_most(1e3, damping=self.damping)
        at_least(0, acceleration=self.acceleration)

    def check(self, precision: str, size: int) -> None:  # noqa: ARG002
        """Refuse networks whose Jacobian is too large."""
        refuse_large(self.kind, size)

    def check_rows(self, rows: int, size: int, resampled: bool) -> None:
        """Refuse batches that the network can interpolate."""
        if resampled and rows < size:
            raise ValueError(
                f"phases: {self.kind} judges a step by the points that it was made for; found "
                f"batches of {rows} residuals, drawn anew in every step, for {size} parameters, "
                f"allowed: at least as many as parameters, or points that stay"
            )

    def cost(self, stack: Stack) -> StepCost:  # noqa: ARG002
        """The trials, and what measures their bend."""
        return StepCost(evaluations=TRIALS * (2 if self.acceleration else 1))

    def cost_of_rows(self, rows: int, size: int) -> StepCost:
        """The Jacobian, the system and its solutions."""
        return StepCost(0.0, flops(self.solver, rows, size, TRIALS), numbers_of(rows, size))

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """No damping yet (0); everybody running."""
        counts = parameters.new_zeros(len(parameters), dtype=torch.int64)
        return {
            "damping": parameters.new_zeros(len(parameters), dtype=torch.float64),
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
        """One accepted step of every member whose ``state["stopped"]`` is ``RUNNING``."""
        update = torch.zeros_like(context.parameters)
        stop_unsound(state, context)
        running = (state["stopped"] == RUNNING).nonzero()[:, 0].tolist()
        for members in in_groups(running, context):
            update[members] = self._moved(settings["damping"], state, context, members)
        return update

    def _bent(
        self,
        system: DampedSystem,
        context: StepContext,
        change: Float[Tensor, "k size"],
        members: list[int],
    ) -> Float[Tensor, "k size"]:
        """The steps with half their acceleration, but where that is too large."""
        here = context.parameters[members]
        ahead = context.rows(here + AHEAD * _padded(change, here), members).double()
        slope = (ahead - system.residuals) / AHEAD
        bend = system.correction(2 / AHEAD * (slope - system.product(change)))
        large = 2 * bend.norm(dim=1) > self.acceleration * change.norm(dim=1)
        return torch.where(large[:, None], change, change + bend / 2)

    def _moved(
        self,
        first: Float[Tensor, "m 1"],
        state: State,
        context: StepContext,
        members: Sequence[int],
    ) -> Float[Tensor, "k p"]:
        """The first step of each of these members that is accepted, else zero."""
        rows = list(members)
        system = SYSTEMS[self.solver](*context.residuals(rows))
        damping = state["damping"][rows]
        damping = torch.where(damping == 0, first[rows, 0].double() * system.largest, damping)
        moved = torch.zeros_like(context.parameters[rows])
        going = torch.ones_like(damping, dtype=torch.bool)
        for _ in range(self.trials):
            places = going.nonzero()[:, 0].tolist()
            if not places:
                break
            change = system.step(damping)
            foreseen = damping * change.square().sum(1) - (change * system.gradient).sum(1)
            named = [rows[place] for place in places]
            if self.acceleration:
                change = self._bent(system, context, change, rows)
                state["evaluations"][named] += 1
            padded = _padded(change, moved)
            trial, _ = context.evaluate(context.parameters[named] + padded[places], named)
            state["evaluations"][named] += 1
            gained = torch.full_like(damping, torch.nan)
            gained[places] = (context.loss[named] - trial).double() / foreseen[places]
            accepted = going & (gained > LEAST)
            moved[accepted] = padded[accepted]
            least, most = DAMPINGS
            spent = going & ~accepted & (damping >= most)
            state["stopped"][[rows[place] for place in spent.nonzero()[:, 0].tolist()]] = NO_DESCENT
            damping = torch.where(going, (damping * _factor(gained)).clamp(least, most), damping)
            going = going & ~accepted & ~spent
        state["damping"][rows] = damping
        return moved


def _padded(change: Float[Tensor, "k size"], like: Float[Tensor, "k p"]) -> Float[Tensor, "k p"]:
    """The change of all parameters, in their precision."""
    padded = torch.zeros_like(like)
    padded[:, : change.shape[1]] = change
    return padded


def _factor(gained: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    """By what the damping changes after a step that gained so much of what was foreseen."""
    factor = torch.where(gained < POOR, RAISE, torch.ones_like(gained))
    factor = torch.where(gained > GOOD, LOWER, factor)
    return torch.where(gained > LEAST, factor, REJECT)


def refuse_large(kind: str, size: int) -> None:
    """Raise ``ValueError`` where a dense Jacobian is too large."""
    if size > MOST_PARAMETERS:
        raise ValueError(
            f"phases: {kind} makes the Jacobian of all residuals by all parameters, found {size} "
            f"of these, allowed: up to {MOST_PARAMETERS}; lbfgs takes larger networks"
        )


def numbers_of(rows: int, size: int) -> int:
    """Numbers that a member's system takes, in float64: J as made, weighed and joined; matrices."""
    return 4 * rows * size + 3 * min(rows, size) ** 2


def stop_unsound(state: State, context: StepContext) -> None:
    """Stop members whose gradient is zero, and members whose numbers are not finite."""
    steepest = context.gradient.abs().amax(1)
    sound = context.loss.isfinite() & steepest.isfinite()
    running = state["stopped"] == RUNNING
    state["stopped"][running & ~sound] = NOT_FINITE
    state["stopped"][running & (steepest == 0)] = GRADIENT


def in_groups(members: Sequence[int], context: StepContext) -> list[list[int]]:
    """Members whose matrices are made together: on a CPU each alone, as alone its bits."""
    size = TOGETHER if context.parameters.is_cuda else 1
    return [list(members[at : at + size]) for at in range(0, len(members), size)]
