"""A multilayer perceptron with residual connections: an example of a network as a torch module."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pinn_core.checks import at_least, at_most
from pinn_core.networks.module_network import ModuleNetwork
from pinn_core.networks.network import MOST_LAYERS, MOST_UNITS, NETWORKS
from pinn_core.tensors import torch


@NETWORKS.register("residual_mlp")
@dataclass(frozen=True, kw_only=True)
class ResidualMlp(ModuleNetwork):
    """``blocks`` of two layers each between residual connections, h + W2 s(W1 s(h)).

    He, Zhang, Ren, Sun 2016 (pre-activation), without normalisation. Drawn as PyTorch draws linear
    layers.

    When to use: Where a network shall be deep; also as the example of a network of your own that is
    a torch module.

        >>> ResidualMlp(width=8, blocks=2).stack(2, 1).size
        321
    """

    named: ClassVar[Mapping[str, str]] = {"activation": "activation"}

    width: int = 64
    """Units of a layer."""
    blocks: int = 2
    """Number of residual blocks, of two layers each."""
    activation: str = "tanh"
    """The function in the blocks."""

    def __post_init__(self) -> None:
        at_least(1, width=self.width, blocks=self.blocks)
        at_most(MOST_UNITS, width=self.width)
        at_most(MOST_LAYERS // 2, blocks=self.blocks)

    def module(self, inputs: int, outputs: int) -> "torch.nn.Module":
        """An entry, the blocks, and a linear layer to the outputs."""
        from pinn_core.networks.modules.residual import Residual

        return Residual(self.activation, inputs, outputs, self.width, self.blocks)
