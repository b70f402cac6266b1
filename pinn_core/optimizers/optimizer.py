"""What an optimizer is: a phase of so many steps, and the update it proposes for a whole pack."""

from collections.abc import Sequence
from typing import ClassVar, Protocol, Self

from jaxtyping import Float
from torch import Tensor

from pinn_core.registry import Registry

State = dict[str, Tensor]


class Optimizer(Protocol):
    """The contract of every file in this folder; a frozen dataclass whose fields are its knobs."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]
    steps: int

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """The state before the phase's first update, as named tensors (they are checkpointed)."""

    def update(
        self,
        members: Sequence[Self],
        state: State,
        gradient: Float[Tensor, "m p"],
        step: int,
    ) -> Float[Tensor, "m p"]:
        """What to add to the parameters at the phase's ``step`` (from 0); changes ``state``.

        ``members`` are this phase's settings of each member (they may differ in member_fields).
        """


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")
