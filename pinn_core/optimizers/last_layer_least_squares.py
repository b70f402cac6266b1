"""Adam on the hidden layers, with the last layer solved for: least squares and gradients in turn.

A network is linear in its last layer: u = sum c_i phi_i + c_0, with the neurons phi of the last
hidden layer. Of a linear problem the residuals r whose squares the loss sums are then r = A c + b,
and the best c for given hidden layers is known (variable projection, Golub and Pereyra 1973; in
turn with steps of a gradient method on the hidden layers: Cyr, Gulian, Patel, Perego and Trask
2020, arXiv:1912.04862):

    c = argmin |A c + b|^2 + d |A|^2 |c|^2

with Frobenius' norm of A. At the best c the gradient by the hidden layers is that of the least
loss that they allow.

CAML (Mitigating gradient pathology in PINNs through aligned constraint, arXiv:2605.25001, 2026; by
the rule of the authors' code) adds to every output the constant with the least loss, through which
no gradient goes. For a linear problem this is the same with c_0 alone for c: whatever c_0 the
network has of its own, the best constant makes up for it.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least
from pinn_core.engine.stack import Stack
from pinn_core.optimizers.adam import Adam
from pinn_core.optimizers.damped import Triangles, flops
from pinn_core.optimizers.levenberg_marquardt import in_groups
from pinn_core.optimizers.optimizer import (
    OPTIMIZERS,
    Settings,
    State,
    StepContext,
    StepCost,
)
from pinn_core.problems import Problem
from pinn_core.problems.residual_form import is_linear
from pinn_core.tensors import Tensor, torch

RIDGES = {8: 1e-12, 4: 1e-7}
"""d by the bytes of a number, where none is given."""
FORWARD = 0.5
"""Of an evaluation of loss and gradient: the way to the last hidden layer; an estimate."""


@OPTIMIZERS.register("last_layer_least_squares")
@dataclass(frozen=True, kw_only=True)
class LastLayerLeastSquares(Adam):
    """Adam's step of the hidden layers; every k-th step then sets the last layer to its best.

    The best last layer c is the argmin of |A c + b|^2 + d |A|^2 |c|^2, with the residuals A c + b
    whose squares the loss sums on the points of the step, each with its weight. The first step sets
    the last layer alone, and every row that is recorded after such a step describes hidden layers
    with their best last layer. Solved in float64 by QR. Adam's moments are those of the hidden
    layers: between two solutions the last layer stays as it is.

    The problem must be linear: its residuals those of linear operators on the outputs, with terms
    and coefficients that are known functions of the points. Conditions always are, and so is the
    loss of a regression model. The network must consist of layers: torch modules are refused, and
    so is a penalty of weights.

    ``solved: constants`` solves for the constants alone that the last layer adds to the outputs,
    and leaves its weights to Adam: the offset of CAML (2026), whose delay of the residual is the
    weighting ``delayed_residual``. Beware of what it is compared with: a network's outputs start
    near 0, and where the solution is near 100, as in CAML's own example, Adam with a rate of 1e-3
    must first climb there. Any good first constant removes that climb, so that a fair control has
    one, too: one step of this phase, then ``adam``. Unlike in the authors' code, the constants of
    several outputs are found together, by the weights of the step that sets them (there by those
    without a delay), and nonlinear problems are refused.

    When to use: On linear problems, to see how much of a plateau is the last layer's: row 1 has the
    least loss that the first features allow. With ``every: 1`` a step took three and four times as
    long as Adam's (4 x 128 on 729 points, 3 x 50 on 1 148), with ``solved: constants`` twice as
    long (4 x 128).
    """

    has_metric: ClassVar[bool] = False
    synchronizes: ClassVar[bool] = True
    squares: ClassVar[bool] = True
    columns: ClassVar[Literal["all", "last layer"]] = "last layer"

    every: int = 1
    """The last layer is solved for in every so many steps, the first among them."""
    solved: Literal["layer", "constants"] = "layer"
    """What is solved for: the last layer, or the constants that it adds to the outputs."""
    ridge: float | None = None
    """The number d; null: 1e-12 in float64 and 1e-7 in float32."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, every=self.every)
        if self.ridge is not None:
            above(0, ridge=self.ridge)

    def check_stack(self, stack: Stack) -> None:
        """Refuse torch modules."""
        if stack.last_layer() == slice(0, 0):
            raise ValueError(
                f"phases: {self.kind} needs a network whose last layer is known to be linear, "
                "found a torch module, allowed: networks that consist of layers"
            )

    def check_problem(self, problem: Problem, solves: bool) -> None:
        """Refuse equations that are not linear."""
        if solves and not is_linear(problem):
            raise ValueError(
                f"phases: {self.kind} solves for the last layer of a linear problem, found problem "
                f"{problem.kind}, whose residual is not linear in the solution or holds unknowns"
            )

    def check_rows(self, rows: int, size: int, resampled: bool) -> None:
        """Refuse batches that the last layer alone can fit."""
        if resampled and rows < size and self.solved == "layer":
            raise ValueError(
                f"phases: {self.kind} solves for the last layer on the points of a step; found "
                f"batches of {rows} residuals, drawn anew in every step, for its {size} "
                f"parameters, allowed: at least as many as parameters, or points that stay"
            )

    def cost(self, stack: Stack) -> StepCost:  # noqa: ARG002
        """Adam's, and the way to the last hidden layer."""
        return StepCost(evaluations=1 + FORWARD / self.every)

    def cost_of_rows(self, rows: int, size: int) -> StepCost:
        """A QR decomposition; in float64 A as made, weighed and joined, and triangles."""
        solution = flops("qr", rows, size, 1.0) if self.solved == "layer" else 2.0 * rows * size
        return StepCost(0.0, solution / self.every, 4 * rows * size + 3 * min(rows, size) ** 2)

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """Adam's update of all others and, where it is due, the way to the best last layer."""
        now, last, solved = int(step), context.last_place, self._place(context)
        update = torch.zeros_like(context.parameters)
        if now:
            gradient = context.gradient.clone()
            gradient[:, solved] = 0.0
            others = replace(context, gradient=gradient)
            update = super().update(settings, state, others, now - 1, backend)
        if now % self.every == 0:
            ahead = context.parameters + update
            for members in in_groups(range(len(ahead)), context):
                rest, table = context.last_layer(ahead[members], members)
                kept = solved.start - last.start
                held = ahead[members, last.start : solved.start, None].double()
                rest = rest + (table[..., :kept].double() @ held)[..., 0]
                best = self._best(rest, table[..., kept:])
                update[members, solved] = best.to(update) - context.parameters[members, solved]
        return update

    def _place(self, context: StepContext) -> slice:
        """Where what is solved for lies: to the last layer's end, its constants last."""
        last = context.last_place
        if self.solved == "layer":
            return last
        outputs = next(rows for own, (rows, _) in context.matrices if own.start == last.start)
        return slice(last.stop - outputs, last.stop)

    def _best(
        self, rest: Float[Tensor, "k n"], table: Float[Tensor, "k n q"]
    ) -> Float[Tensor, "k q"]:
        """What is solved for, in float64."""
        ridge = RIDGES[table.element_size()] if self.ridge is None else self.ridge
        return Triangles(rest, table).step(ridge * table.double().square().flatten(1).sum(1))
