"""What an optimizer is: a phase of so many steps, and the update it proposes for a whole pack."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from pinn_core.registry import Registry

State = dict[str, Tensor]
Settings = Mapping[str, Tensor]


@runtime_checkable
class Optimizer(Protocol):
    """The contract of every file in this folder; a frozen dataclass whose fields are its knobs."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]

    @property
    def steps(self) -> int:
        """Number of updates of the phase."""

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """The state before the phase's first update, as named tensors (they are checkpointed)."""

    def update(
        self,
        settings: Settings,
        state: State,
        gradient: Float[Tensor, "m p"],
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """What to add to the parameters at the phase's ``step`` (from 0); changes ``state``.

        ``settings`` holds what members may differ in, every member field as a tensor (m, 1). On a
        GPU ``step`` is a tensor, for the update becomes part of a graph that is replayed.
        """


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")
