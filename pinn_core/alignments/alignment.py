"""What an alignment is: a correction of the update that an optimizer proposes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from pinn_core.optimizers.optimizer import Optimizer, Settings, State, StepContext
from pinn_core.registry import Registry


@runtime_checkable
class Preconditioned(Protocol):
    """What an optimizer offers besides so that its proposals can be aligned.

    Its update is, but for what does not come from the gradients (a decay of the weights), minus
    M^-1 times a moving average of them, with M symmetric and positive definite: a metric.
    """

    def precondition(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        vector: Float[Tensor, "m p"],
        step: int | Int[Tensor, ""],
    ) -> Float[Tensor, "m p"]:
        """M^-1 vector, in float64; M is that of the update that was made at ``step``.

        ``context`` is what that update was made of.
        """

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


@dataclass(frozen=True)
class Proposal:
    """An update that an optimizer has proposed, how it came about, and the terms' gradients."""

    update: Float[Tensor, "m p"]
    gradients: Sequence[Float[Tensor, "m p"]]
    context: StepContext
    optimizer: Optimizer
    settings: Settings
    state: State
    step: int | Int[Tensor, ""]
    backend: str


@runtime_checkable
class Alignment(Protocol):
    """The contract of every file in this folder: a frozen dataclass of hyperparameters.

    Nothing in it may make one member's numbers depend on another's.
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]

    def check(self, phases: Sequence[Optimizer]) -> None:
        """Raise ``ValueError`` where an optimizer cannot be aligned."""

    def aligned(self, settings: Settings, proposal: Proposal) -> Float[Tensor, "m p"]:
        """The update to apply; may change the optimizer's state.

        ``settings`` holds every member field as a tensor (m, 1) in float64.
        """


ALIGNMENTS: Registry[Alignment] = Registry("alignment")
