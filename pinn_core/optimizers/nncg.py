"""NysNewton-CG: Newton's method with Nystrom-preconditioned conjugate gradients.

Rathore, Lei, Frangella, Lu and Udell, Challenges in training PINNs: a loss landscape perspective,
ICML 2024, section 7.2 and appendix E. With the Hessian H of what is optimised, a step solves

    (H + mu) d = grad,    theta <- theta - t d

from the last step's d, and finds t by backtracking to Armijo's condition.
"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, at_most, below
from pinn_core.engine.stack import Stack
from pinn_core.optimizers.conjugate_gradients import conjugate_gradients
from pinn_core.optimizers.line_search import LinePoint, armijo, together
from pinn_core.optimizers.nystrom import nystrom, preconditioned, probes
from pinn_core.optimizers.optimizer import (
    MOST_VECTORS,
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

PRODUCTS = 100
"""Products with the Hessian that a step makes, if it may; an estimate for planning."""


@OPTIMIZERS.register("nncg")
@dataclass(frozen=True, kw_only=True)
class NNCG(Optimizer):
    """theta <- theta - t d with (H + mu) d = grad; the defaults are the paper's (it tunes mu).

    Every ``update_every`` steps the Hessian is approximated anew, of rank ``rank``, for the
    preconditioner. Conjugate gradients end where the residual is at most ``cg_tolerance`` long,
    after ``cg_iterations``, or where H + mu proves not to be positive; where what they have does
    not descend, the solution with the approximated H takes its place. t is the first of
    learning_rate * shrink^k that lowers the loss by ``slope_fraction`` of what the slope promises.
    A member stops for good, its updates zero from then on, where its gradient vanishes, where no t
    is found, or where loss or gradient are not finite. ``products`` in its state counts the
    products with H.

    When to use: For the last tens of updates of a run that L-BFGS no longer improves. An update
    costs tens to hundreds of products with the Hessian.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate", "mu"})
    counts: ClassVar[frozenset[str]] = frozenset({"evaluations", "products", "stopped"})
    searches: ClassVar[bool] = True

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 1.0
    """The first step length that each line search tries."""
    mu: float = 1e-2
    """What is added to the Hessian's diagonal."""
    rank: int = 60
    """Rank of the approximated Hessian in the preconditioner."""
    update_every: int = 20
    """The approximation is made anew in every so many updates."""
    cg_tolerance: float = 1e-16
    """Conjugate gradients end where their residual is at most so long."""
    cg_iterations: int = 1000
    """They end after so many products at the latest."""
    slope_fraction: float = 0.1
    """Share of the fall that the slope promises which a step length must bring to be accepted."""
    shrink: float = 0.5
    """Factor of the step length after each one that was not accepted."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, rank=self.rank, update_every=self.update_every)
        at_least(1, cg_iterations=self.cg_iterations)
        at_most(MOST_VECTORS, rank=self.rank)
        at_least(0, cg_tolerance=self.cg_tolerance)
        above(0, learning_rate=self.learning_rate, mu=self.mu)
        above(0, slope_fraction=self.slope_fraction, shrink=self.shrink)
        below(1, slope_fraction=self.slope_fraction, shrink=self.shrink)

    def cost(self, stack: Stack) -> StepCost:  # noqa: ARG002
        """A line search, and at most a hundred products with the Hessian."""
        products = min(self.cg_iterations, PRODUCTS)
        return StepCost(evaluations=3.0 + 2.0 * products, curved=True)

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """No approximation (m, r, P), no direction; everybody running."""
        members, size = parameters.shape
        rank = min(self.rank, size)
        counts = parameters.new_zeros(members, dtype=torch.int64)
        return {
            "basis": parameters.new_zeros(members, rank, size),
            "eigenvalues": parameters.new_zeros(members, rank, dtype=torch.float64),
            "direction": torch.zeros_like(parameters),
            "evaluations": counts,
            "products": counts.clone(),
            "stopped": counts.clone(),
        }

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """One Newton step of every member whose ``state["stopped"]`` is ``RUNNING``."""
        update = torch.zeros_like(context.parameters)
        _stop(state, context)
        rows = (state["stopped"] == RUNNING).nonzero()[:, 0]
        if len(rows) == 0:
            return update
        members = rows.tolist()
        if int(step) % self.update_every == 0:
            self._approximate(state, context, members, int(step))
        newton = self._newton(settings["mu"], state, context, rows, backend)
        state["direction"][rows] = newton

        lines = _lines(context, rows, newton, backend)
        rates = settings["learning_rate"][rows, 0].tolist()
        searches = [
            armijo(line, rate, slope_fraction=self.slope_fraction, shrink=self.shrink)
            for line, rate in zip(lines, rates, strict=True)
        ]
        accepted = together(context, members, -newton, searches, backend)
        lengths = update.new_tensor([each.trial.length for each in accepted])
        update[rows] = -newton * lengths[:, None]
        state["evaluations"][rows] += rows.new_tensor([each.evaluations for each in accepted])
        reasons = [
            RUNNING if each.trial.loss < line.loss else NO_DESCENT
            for line, each in zip(lines, accepted, strict=True)
        ]
        state["stopped"][rows] = rows.new_tensor(reasons)
        return update

    def _approximate(
        self, state: State, context: StepContext, members: list[int], step: int
    ) -> None:
        """Make the members' preconditioners anew, with random rows of their own."""
        rank = state["basis"].shape[1]
        like = context.parameters[0]
        rows = torch.stack([probes(context.seeds[member], step, rank, like) for member in members])
        images = [context.products(each, members) for each in rows.unbind(1)]
        for member, own, found in zip(members, rows, torch.stack(images, dim=1), strict=True):
            basis, eigenvalues = nystrom(own, found.clone())
            state["basis"][member], state["eigenvalues"][member] = basis, eigenvalues
            state["products"][member] += len(own)

    def _newton(
        self,
        mu: Float[Tensor, "m 1"],
        state: State,
        context: StepContext,
        rows: Int[Tensor, " k"],
        backend: str,
    ) -> Float[Tensor, "k p"]:
        """The d of the running members, who all descend along -d."""
        gradient, members = context.gradient[rows], rows.tolist()
        precondition = partial(_preconditioned, state, mu, members, backend)
        solved = conjugate_gradients(
            partial(_damped, context, mu, members),
            gradient,
            state["direction"][rows],
            precondition,
            tolerance=self.cg_tolerance,
            most=self.cg_iterations,
            backend=backend,
        )
        state["products"][rows] += rows.new_tensor(solved.products)
        slopes = dots([gradient], [solved.solution], backend)[0].tolist()
        astray = [place for place, slope in enumerate(slopes) if not 0 < slope < float("inf")]
        if astray:
            eased = precondition(gradient[astray], astray)
            scale = state["eigenvalues"][rows[astray], -1:].to(mu.dtype) + mu[rows[astray]]
            solved.solution[astray] = eased / scale
        return solved.solution


def _stop(state: State, context: StepContext) -> None:
    """Stop members whose gradient is zero, and members whose numbers are not finite."""
    steepest = context.gradient.abs().amax(1)
    sound = context.loss.isfinite() & steepest.isfinite()
    running = state["stopped"] == RUNNING
    state["stopped"][running & ~sound] = NOT_FINITE
    state["stopped"][running & (steepest == 0)] = GRADIENT


def _damped(
    context: StepContext, mu: Tensor, members: list[int], vectors: Tensor, places: list[int]
) -> Tensor:
    """(H + mu) v of the members at these places."""
    named = [members[place] for place in places]
    return context.products(vectors, named) + mu[named] * vectors


def _preconditioned(
    state: State, mu: Tensor, members: list[int], backend: str, vectors: Tensor, places: list[int]
) -> Tensor:
    """The preconditioner's inverse times v, of the members at these places."""
    found = [torch.empty_like(vectors)[:0]]
    for vector, place in zip(vectors, places, strict=True):
        row = members[place]
        basis, eigenvalues = state["basis"][row], state["eigenvalues"][row]
        found.append(preconditioned(basis, eigenvalues, float(mu[row]), vector, backend)[None])
    return torch.cat(found)


def _lines(
    context: StepContext, rows: Int[Tensor, " k"], newton: Float[Tensor, "k p"], backend: str
) -> list[LinePoint]:
    """Where each line starts."""
    gradient = context.gradient[rows]
    (slopes,) = dots([gradient], [newton], backend)
    steepest = gradient.abs().amax(1).double()
    numbers = torch.stack([context.loss[rows].double(), -slopes, steepest], dim=1).tolist()
    return [LinePoint(0.0, *row) for row in numbers]
