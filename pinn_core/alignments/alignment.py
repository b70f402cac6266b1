"""What an alignment is: a correction of the update that an optimizer proposes."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int

from pinn_core.optimizers.optimizer import Optimizer, Settings, State, StepContext
from pinn_core.parts import Family, Part
from pinn_core.tensors import Tensor


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


class Alignment(Part):
    """The base of every alignment: a frozen dataclass whose fields are its hyperparameters.

    Nothing in it may make one member's numbers depend on another's.
    """

    def check(self, phases: Sequence[Optimizer]) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where an optimizer cannot be aligned."""
        return

    @abstractmethod
    def aligned(self, settings: Settings, proposal: Proposal) -> Float[Tensor, "m p"]:
        """The update to apply; may change the optimizer's state.

        ``settings`` holds every member field as a tensor (m, 1) in float64.
        """


ALIGNMENTS: Family[type[Alignment]] = Family("alignment", Alignment)
