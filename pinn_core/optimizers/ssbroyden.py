"""Self-scaled Broyden and BFGS with a dense inverse Hessian, in float64.

Urban, Stefanou and Pons, Unveiling the optimization process of physics informed neural networks,
J. Comput. Phys. 523 (2025), after Al-Baali and Khalfan 2005: with a step s = t d, the change y of
the gradient g over it, h = y.Hy / y.s, b = -t s.g / y.s and a = h b - 1,

    H <- (H - Hy Hy^T / y.Hy + phi y.Hy v v^T) / tau + s s^T / y.s,    v = s / y.s - Hy / y.Hy

with phi = (1 - theta) / (1 + a theta). ``bfgs`` has theta = 0 and tau = 1, ``ssbfgs`` theta = 0 and
tau = min(1, 1 / b), ``ssbroyden`` both from a, b and h (``Rule``).
"""

import sys
from dataclasses import dataclass
from math import copysign, isfinite, sqrt
from typing import ClassVar, Literal

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least
from pinn_core.engine.stack import Stack, padded
from pinn_core.optimizers.optimizer import (
    OPTIMIZERS,
    Optimizer,
    Settings,
    State,
    StepContext,
    StepCost,
)
from pinn_core.optimizers.quasi_newton import Tolerances, no_moves, search_lines
from pinn_core.optimizers.stopping import RUNNING
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import dots

Rule = Literal["ssbroyden", "ssbfgs", "bfgs"]

MOST_PARAMETERS = 20_000
"""H then takes 3.2 GB a member; the papers have up to some thousands."""
EPSILON = sys.float_info.epsilon
SAME_LOSS = 1e-9
"""Relative; a loss that differs more from where the last search ended is of other points."""
ALIGNED = 64


@OPTIMIZERS.register("ssbroyden")
@dataclass(frozen=True, kw_only=True)
class SSBroyden(Optimizer):
    """theta <- theta - t H grad, with t of a strong Wolfe line search and H by ``rule``, from I.

    ``learning_rate`` is the first t that each line search tries (in the first iteration at most
    1 / |grad|_1 of it). H stays when points or weights of the loss change, only the pair across the
    change is left out; and so is one with y.s <= 0. A member stops for good as in ``lbfgs``; the
    authors' codes stop at no tolerance. Needs ``precision: float64``.

    When to use: For the smallest errors of small networks in float64. The inverse Hessian is dense:
    memory grows with the square of the number of parameters.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    counts: ClassVar[frozenset[str]] = frozenset({"evaluations", "stopped"})
    searches: ClassVar[bool] = True

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 1.0
    """The first step length that each line search tries."""
    rule: Rule = "ssbroyden"
    """How the inverse Hessian is scaled and mixed."""
    tolerance_gradient: float = 0.0
    """A member stops where the largest entry of its gradient is at most this. 0: only where it
    vanishes."""
    tolerance_change: float = 0.0
    """A member stops where parameters or loss change by less than this in an update. 0: never for
    that."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)
        above(0, learning_rate=self.learning_rate)
        at_least(
            0, tolerance_gradient=self.tolerance_gradient, tolerance_change=self.tolerance_change
        )

    def check(self, precision: str, size: int) -> None:
        """Refuse rounding that H does not bear, and networks whose H is too large."""
        if precision != "float64":
            raise ValueError(f"phases: {self.kind} needs precision float64, found {precision}")
        if size > MOST_PARAMETERS:
            raise ValueError(
                f"phases: {self.kind} keeps a matrix of {size} x {size} numbers a member "
                f"({8e-9 * size**2:.1f} GB), allowed: networks of up to {MOST_PARAMETERS} "
                "parameters; lbfgs takes larger ones"
            )

    def cost(self, stack: Stack) -> StepCost:
        """A line search, and a dense matrix with its update: 8 operations an entry."""
        return StepCost(evaluations=2.1, flops=8.0 * stack.size**2)

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """H (m, p', p') is the identity; p' is p rounded up, so that all members' are aligned."""
        members, side = len(parameters), padded(parameters.shape[1])
        identity = torch.eye(side, dtype=torch.float64, device=parameters.device)
        nothing = parameters.new_zeros(members, dtype=torch.float64)
        return no_moves(parameters) | {
            "inverse": identity.repeat(members, 1, 1),
            "length": nothing,
            "loss": nothing.clone(),
        }

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
        state["inverse"] = _aligned(state["inverse"])
        for row in running.tolist():
            if _same(float(context.loss[row]), float(state["loss"][row])):
                self._learn(state, row, context.gradient[row])
        directions = torch.stack(
            [
                -_times(state["inverse"][row], context.gradient[row].double())
                for row in running.tolist()
            ]
        ).to(context.parameters.dtype)
        tolerances = Tolerances(self.tolerance_gradient, self.tolerance_change)
        rates = settings["learning_rate"]
        update, ends = search_lines(state, context, running, directions, rates, tolerances, backend)
        for row, end in ends.items():
            state["length"][row], state["loss"][row] = end.length, end.loss
        return update

    def _learn(self, state: State, row: int, gradient: Float[Tensor, " p"]) -> None:
        """Bring H to the member's last step, which ended with this gradient."""
        old = state["gradient"][row].double()
        step, change = state["update"][row].double(), gradient.double() - old
        inverse = state["inverse"][row]
        image = _times(inverse, change)
        left = torch.stack([step, change, step, step, change])
        right = torch.stack([change, image, old, step, change])
        curvature, square, slope, *lengths = dots([left], [right])[0].tolist()
        if not curvature > EPSILON * sqrt(lengths[0] * lengths[1]):
            return
        h, b = square / curvature, -float(state["length"][row]) * slope / curvature
        if not (h > 0 and b > 0 and isfinite(h * b)):
            return
        size = int(change.count_nonzero())  # a network's parameters without their padding
        phi, tau = scaling(self.rule, h, b, size)
        turn = step / curvature - image / square
        numbers = (-1 / (square * tau), phi * square / tau, 1 / curvature)
        vectors = torch.stack([image, turn, step])
        vectors = vectors * vectors.new_tensor([[sqrt(abs(number))] for number in numbers])
        signed = vectors * vectors.new_tensor([[copysign(1.0, number)] for number in numbers])
        padding = (0, len(inverse) - len(step))
        inverse.addmm_(_pad(signed, padding).T, _pad(vectors, padding), beta=1 / tau)


def scaling(rule: Rule, h: float, b: float, size: int) -> tuple[float, float]:
    """The rule's phi and tau, from h = y.Hy / y.s and b = s.Bs / y.s, of ``size`` parameters.

    tau is above 0, phi negative where theta > 1; a = h b - 1 is at least 0 but for rounding (Cauchy
    and Schwarz). H stays positive definite.
    """
    if rule == "bfgs":
        return 1.0, 1.0
    shrunk = min(1.0, 1 / b)
    if rule == "ssbfgs":
        return 1.0, shrunk
    a = max(h * b - 1, EPSILON)
    root = sqrt(a / (1 + a))
    least = min(1.0, h / ((1 + a) * (1 + root)))  # h (1 - root), without cancellation
    theta = max((least - 1) / a, min(1 / least, (1 - b) / b))
    sigma = 1 + theta * a
    spread = sigma ** (1 / (1 - size)) if size > 1 else 1.0
    tau = min(shrunk * spread, sigma) if theta <= 0 else shrunk * min(spread, 1 / theta)
    return (1 - theta) / sigma, tau


def _times(inverse: Float[Tensor, "_ _"], vector: Float[Tensor, " p"]) -> Float[Tensor, " p"]:
    """H v; the vector is copied, since matrix routines round by where their data lie."""
    size = len(vector)
    return torch.mv(inverse, _pad(vector, (0, len(inverse) - size)).clone())[:size]


def _aligned(tables: Float[Tensor, "m _ _"]) -> Float[Tensor, "m _ _"]:
    """The tables where the allocator puts them: a checkpoint's lie anywhere."""
    return tables if tables.data_ptr() % ALIGNED == 0 else tables.clone()


def _same(loss: float, expected: float) -> bool:
    return abs(loss - expected) <= SAME_LOSS * abs(expected)


def _pad(table: Tensor, padding: tuple[int, ...]) -> Tensor:
    return torch.nn.functional.pad(table, padding)
