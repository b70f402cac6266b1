"""What a network is: a stack of layers and a rule that draws its first parameters."""

from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from pinn_core.registry import Registry
from pinn_core.stack import Stack


@runtime_checkable
class Network(Protocol):
    """The contract of every file in this folder; a frozen dataclass whose fields are its knobs."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]

    def stack(self, inputs: int, outputs: int) -> Stack:
        """The layers between so many coordinates and solution components."""

    def initial(self, inputs: int, outputs: int, seed: int) -> Float[Tensor, " p"]:
        """First parameters (float64), keyed by the seed and the layers' shapes alone."""


NETWORKS: Registry[Network] = Registry("network")
