"""What a network is: a stack of layers, what it trains of it, and how that is drawn at first."""

from abc import abstractmethod
from collections.abc import Mapping

from jaxtyping import Float

from pinn_core.engine.parametrization import Parametrization
from pinn_core.engine.stack import Stack
from pinn_core.parts import Family, Part
from pinn_core.tensors import Tensor

MOST_LAYERS, MOST_UNITS = 10_000, 1_000_000
"""Hidden layers, and units in one of them, that any network may have: absurd on any machine."""


class Network(Part):
    """The base of every network: a frozen dataclass whose fields are its hyperparameters."""

    @abstractmethod
    def stack(self, inputs: int, outputs: int) -> Stack:
        """The layers between so many coordinates (or features of them) and solution components."""

    @abstractmethod
    def parametrization_of(self, stack: Stack) -> Parametrization:
        """What is trained and how it becomes the parameters of a stack that ``stack`` gave.

        Also for one to which features were added.
        """

    @abstractmethod
    def initial(self, inputs: int, outputs: int, seed: int) -> Float[Tensor, " p"]:
        """First trained parameters (float64), keyed by the seed and the layers' shapes alone.

        As many as the parametrization's size.
        """

    @property
    def takes_start(self) -> bool:
        """Whether its first parameters depend on the problem's initial values (``near_start``)."""
        return False

    def near_start(
        self,
        drawn: Float[Tensor, " p"],
        stack: Stack,
        starts: Mapping[int, tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]],
    ) -> Float[Tensor, " p"]:
        """The first parameters, of what ``initial`` has drawn, near the initial values.

        ``starts`` are coordinates and values (float64) by output; of others nothing is known.
        """
        raise NotImplementedError(f"network {self.kind} starts as drawn ({tuple(drawn.shape)})")


NETWORKS: Family[type[Network]] = Family("network", Network)
