"""What an optimizer is: a phase of so many steps, and the update it proposes for a whole pack."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from jaxtyping import Float, Int

from pinn_core.engine.precision import dtype_of
from pinn_core.engine.stack import Stack
from pinn_core.parts import Family, Part
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor, torch

State = dict[str, Tensor]
Settings = Mapping[str, Tensor]
Evaluate = Callable[[Tensor, Sequence[int]], tuple[Tensor, Tensor]]
Matrix = tuple[slice, tuple[int, int]]
"""Where a layer's weights lie in the flat parameters, and their shape (fan_out, fan_in)."""
Products = Callable[[Tensor, Sequence[int]], Tensor]
Residuals = Callable[[Sequence[int]], tuple[Tensor, Tensor]]
Rows = Callable[[Tensor, Sequence[int]], Tensor]
LastLayer = Callable[[Tensor, Sequence[int]], tuple[Tensor, Tensor]]

MOST_VECTORS = 10_000
"""Vectors as long as the parameters that any optimizer may keep of a member."""


def no_products(vectors: Tensor, members: Sequence[int]) -> Tensor:
    """Where nobody knows the Hessian."""
    raise NotImplementedError(f"no Hessian for vectors {tuple(vectors.shape)} of {list(members)}")


def no_residuals(members: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Where nobody knows what the loss squares."""
    raise NotImplementedError(f"no residuals of {list(members)}")


def no_rows(parameters: Tensor, members: Sequence[int]) -> Tensor:
    """The same for other parameters."""
    raise NotImplementedError(f"no residuals at {tuple(parameters.shape)} of {list(members)}")


def no_last_layer(parameters: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Where nobody knows them as a function of the last layer."""
    raise NotImplementedError(f"no last layer at {tuple(parameters.shape)} of {list(members)}")


@dataclass(frozen=True)
class StepContext:
    """What an optimizer sees of a step: where its members are and what they go down.

    ``evaluate(parameters (k, P), members)`` gives loss (k, float64) and gradient (k, P) of the
    named members at other parameters, on the same points with the same weights; a member's numbers
    do not depend on the members evaluated with it. ``products(vectors (k, P), members)`` gives H v
    (k, P) with the Hessian of what is optimised, at ``parameters``. ``residuals(members)`` gives
    the numbers (k, n) whose squares the loss sums, at ``parameters``, and their derivatives
    (k, n, p) by the first p parameters; by those after them all are zero.
    ``rows(parameters (k, P), members)`` gives the numbers alone, elsewhere.
    ``last_layer(parameters (k, P), members)`` gives what they would be with zeros for the last
    layer, which lies at ``last_place``, and their derivatives (k, n, q) by its q parameters; of a
    linear problem they do not depend on the last layer. ``seeds`` are the members', ``matrices``
    the parameters that form matrices, ``hidden_matrices`` those between hidden layers. ``terms`` is
    the number of loss terms; for an optimizer that takes turns, ``gradient`` is the weighted one of
    term ``step % terms`` alone.
    """

    parameters: Float[Tensor, "m p"]
    loss: Float[Tensor, " m"]
    gradient: Float[Tensor, "m p"]
    evaluate: Evaluate
    matrices: Sequence[Matrix] = ()
    hidden_matrices: Sequence[Matrix] = ()
    products: Products = no_products
    residuals: Residuals = no_residuals
    rows: Rows = no_rows
    last_layer: LastLayer = no_last_layer
    last_place: slice = field(default_factory=lambda: slice(0, 0))
    seeds: Sequence[int] = ()
    terms: int = 1


@dataclass(frozen=True)
class StepCost:
    """What an optimizer's step takes beside one evaluation of loss and gradient; estimates.

    ``evaluations`` are all that a step makes on average, those of its line search included, a
    Hessian product counting as two. ``flops`` are operations of a member's direction where that is
    more than a pass over its parameters, ``numbers`` what a member keeps beyond what ``start``
    returns. ``curved`` says that it asks for Hessian products, whose graph takes memory.
    """

    evaluations: float = 1.0
    flops: float = 0.0
    numbers: int = 0
    curved: bool = False


@dataclass(frozen=True)
class AdamAhead:
    """Updates of the next steps that are Adam's, for a backend that makes several in one call.

    ``rates`` are the learning rates, ``shrinks`` what part of the parameters a step subtracts from
    them, ``corrections`` what divides the first moment and the root of the second, step by step.
    The moments are the state's ``first`` and ``second``.
    """

    rates: Float[Tensor, "s m"]
    shrinks: Float[Tensor, "s m"] | None
    corrections: Sequence[tuple[float, float]]
    beta1: float
    beta2: float
    epsilon: float


class Optimizer(Part):
    """The base of every optimizer: a frozen dataclass whose fields are its hyperparameters."""

    searches: ClassVar[bool] = False
    """Whether it evaluates the loss at other parameters: its direction must be a loss's."""
    synchronizes: ClassVar[bool] = True
    """Whether it waits for the device, so that a graph cannot replay its steps."""
    counts: ClassVar[frozenset[str]] = frozenset()
    """What its state counts for itself, of shape (m,): ``evaluations`` (of loss and gradient,
    beyond those at the phase's first parameters), ``products`` (with the Hessian) or ``stopped``
    (0, else the number of a reason in ``STOP_REASONS``). One that counts no evaluations makes one
    a step."""
    squares: ClassVar[bool] = False
    """Whether it asks for the residuals whose squares the loss sums, and their Jacobian."""
    columns: ClassVar[Literal["all", "last layer"]] = "all"
    """By which parameters it asks for these derivatives, if it does."""
    keeps_pairs: ClassVar[bool] = False
    """Whether its state holds the pairs of L-BFGS, of which an inverse Hessian is made."""
    takes_turns: ClassVar[bool] = False
    """Whether a step takes the gradient of one loss term, of each in its turn. It is planned to
    keep a vector as long as the parameters of each of them (``start_terms``)."""
    has_metric: ClassVar[bool] = False
    """Whether ``precondition`` and ``follow`` serve, so that its proposals can be aligned."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Number of updates of the phase."""

    def check(self, precision: str, size: int) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where it cannot serve this precision or so many parameters."""
        return

    def check_stack(self, stack: Stack) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where it has nothing to do on these layers."""
        return

    def check_problem(self, problem: Problem, solves: bool) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where it cannot serve this problem.

        ``solves`` says that the equation is among the loss terms, as it is not in a regression.
        """
        return

    def check_rows(self, rows: int, size: int, resampled: bool) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where so many residuals are too few for so many parameters.

        The parameters are those of ``columns``.
        ``resampled`` says that they are of other points in every step.
        """
        return

    def cost(self, stack: Stack) -> StepCost:  # noqa: ARG002
        """What a step costs a member whose network has these layers."""
        return StepCost()

    def cost_of_rows(self, rows: int, size: int) -> StepCost:  # noqa: ARG002
        """What it costs more where the Jacobian of so many residuals is asked for.

        Asked only where ``squares`` is true, with the parameters of ``columns``. Its ``numbers``
        are float64, whatever the precision.
        """
        return StepCost(evaluations=0.0)

    @abstractmethod
    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """The state before the phase's first update: named tensors with a leading m.

        They are checkpointed, and lose the rows of members that stop early.
        """

    def start_terms(
        self,
        parameters: Float[Tensor, "m p"],  # noqa: ARG002
        terms: int,  # noqa: ARG002
    ) -> State:
        """What it keeps of so many loss terms, beside what ``start`` returns."""
        return {}

    def state_bytes(self, size: int, precision: str) -> int:
        """What ``start`` makes for a member of so many parameters.

        Found by making it where nothing is kept. An optimizer that says it itself is planned
        without torch, whose import takes seconds.
        """
        state = self.start(torch.empty(1, size, dtype=dtype_of(precision), device="meta"))
        return sum(tensor.nbytes for tensor in state.values())

    @abstractmethod
    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """What to add to the parameters at the phase's ``step`` (from 0); changes ``state``.

        ``settings`` holds what members may differ in, every member field as a tensor (m, 1). On a
        GPU ``step`` is a tensor, for the update becomes part of a graph that is replayed.
        """

    def ahead(self, settings: Settings, first: int, count: int) -> AdamAhead | None:  # noqa: ARG002
        """The updates of ``count`` steps from the phase's ``first`` on, if they are Adam's.

        They must be those that ``update`` makes, to the bit. A class that inherits this and has an
        ``update`` of its own is asked for that.
        """
        return None

    def precondition(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        vector: Float[Tensor, "m p"],
        step: int | Int[Tensor, ""],
    ) -> Float[Tensor, "m p"]:
        """M^-1 vector, in float64; M is that of the update that was made at ``step``.

        An update is, but for what does not come from the gradients (a decay of the weights), minus
        M^-1 times a moving average of them, with M symmetric and positive definite: a metric.
        ``context`` is what that update was made of.
        """
        raise NotImplementedError(f"optimizer {self.kind} has no metric")

    def follow(
        self,
        state: State,
        context: StepContext,
        change: Float[Tensor, "m p"],
        step: int | Int[Tensor, ""],
        shares: tuple[Float[Tensor, "m 1"], Float[Tensor, "m 1"]],
    ) -> None:
        """Move the moments, which ``context`` led to, towards those of the applied update.

        That is the update with ``change`` (float64) added to the average that M^-1 is applied to.
        The first and second moment go their ``shares`` of the way. A change of zero moves nothing.
        """
        raise NotImplementedError(f"optimizer {self.kind} has no metric")


OPTIMIZERS: Family[type[Optimizer]] = Family("optimizer", Optimizer)
