"""What an optimizer is: a phase of so many steps, and the update it proposes for a whole pack."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from pinn_core.registry import Registry

State = dict[str, Tensor]
Settings = Mapping[str, Tensor]
Evaluate = Callable[[Tensor, Sequence[int]], tuple[Tensor, Tensor]]
Matrix = tuple[slice, tuple[int, int]]
"""Where a layer's weights lie in the flat parameters, and their shape (fan_out, fan_in)."""
Products = Callable[[Tensor, Sequence[int]], Tensor]

MOST_VECTORS = 10_000
"""Vectors as long as the parameters that any optimizer may keep of a member."""


def no_products(vectors: Tensor, members: Sequence[int]) -> Tensor:
    """Where nobody knows the Hessian."""
    raise NotImplementedError(f"no Hessian for vectors {tuple(vectors.shape)} of {list(members)}")


@dataclass(frozen=True)
class StepContext:
    """What an optimizer sees of a step: where its members are and what they go down.

    ``evaluate(parameters (k, P), members)`` gives loss (k, float64) and gradient (k, P) of the
    named members at other parameters, on the same points with the same weights; a member's numbers
    do not depend on who is evaluated with it. ``products(vectors (k, P), members)`` gives H v
    (k, P) with the Hessian of what is optimised, at ``parameters``. ``seeds`` are the members',
    ``matrices`` the parameters that form matrices.
    """

    parameters: Float[Tensor, "m p"]
    loss: Float[Tensor, " m"]
    gradient: Float[Tensor, "m p"]
    evaluate: Evaluate
    matrices: Sequence[Matrix] = ()
    products: Products = no_products
    seeds: Sequence[int] = ()


@runtime_checkable
class Optimizer(Protocol):
    """The contract of every file in this folder: a frozen dataclass of hyperparameters."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]
    searches: ClassVar[bool]
    """Whether it evaluates the loss at other parameters: its direction must be a loss's."""
    synchronizes: ClassVar[bool]
    """Whether it waits for the device, so that a graph cannot replay its steps."""

    @property
    def steps(self) -> int:
        """Number of updates of the phase."""

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """The state before the phase's first update: named tensors with a leading m.

        They are checkpointed, and lose the rows of members that stop early.
        """

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


@runtime_checkable
class Demanding(Protocol):
    """An optimizer that not every configuration can have."""

    def check(self, precision: str, size: int) -> None:
        """Raise ``ValueError`` where it cannot serve this precision or so many parameters."""


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")
