"""What a network is: a stack of layers, what it trains of it, and how that is drawn at first."""

from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from pinn_core.engine.parametrization import Parametrization
from pinn_core.engine.stack import Stack
from pinn_core.registry import Registry

MOST_LAYERS, MOST_UNITS = 10_000, 1_000_000
"""Hidden layers, and units in one of them, that any network may have: absurd on any machine."""


@runtime_checkable
class Network(Protocol):
    """The contract of every file in this folder: a frozen dataclass of hyperparameters."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]

    def stack(self, inputs: int, outputs: int) -> Stack:
        """The layers between so many coordinates (or features of them) and solution components."""

    def parametrization_of(self, stack: Stack) -> Parametrization:
        """What is trained and how it becomes the parameters of a stack that ``stack`` gave.

        Also for one to which features were added.
        """

    def initial(self, inputs: int, outputs: int, seed: int) -> Float[Tensor, " p"]:
        """First trained parameters (float64), keyed by the seed and the layers' shapes alone.

        As many as the parametrization's size.
        """


NETWORKS: Registry[Network] = Registry("network")
