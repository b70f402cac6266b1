"""A multilayer perceptron with residual connections: an example of a network as a torch module."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinn_core.checks import at_least, at_most
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.networks.module_network import ModuleNetwork
from pinn_core.networks.network import MOST_LAYERS, MOST_UNITS, NETWORKS


@NETWORKS.register("residual_mlp")
@dataclass(frozen=True, kw_only=True)
class ResidualMlp(ModuleNetwork):
    """``blocks`` of two layers each between residual connections, h + W2 s(W1 s(h)).

    He, Zhang, Ren, Sun 2016 (pre-activation), without normalisation. Drawn as PyTorch draws linear
    layers.

        >>> ResidualMlp(width=8, blocks=2).stack(2, 1).size
        321
    """

    named: ClassVar[Mapping[str, str]] = {"activation": "activation"}

    width: int = 64
    blocks: int = 2
    activation: str = "tanh"

    def __post_init__(self) -> None:
        at_least(1, width=self.width, blocks=self.blocks)
        at_most(MOST_UNITS, width=self.width)
        at_most(MOST_LAYERS // 2, blocks=self.blocks)

    def module(self, inputs: int, outputs: int) -> torch.nn.Module:
        """An entry, the blocks, and a linear layer to the outputs."""
        return _Residual(self, inputs, outputs)


class _Residual(torch.nn.Module):
    def __init__(self, network: ResidualMlp, inputs: int, outputs: int) -> None:
        super().__init__()
        width = network.width
        self._activation = ACTIVATIONS[network.activation]
        self.enter = torch.nn.Linear(inputs, width)
        self.first = torch.nn.ModuleList(
            torch.nn.Linear(width, width) for _ in range(network.blocks)
        )
        self.second = torch.nn.ModuleList(
            torch.nn.Linear(width, width) for _ in range(network.blocks)
        )
        self.leave = torch.nn.Linear(width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        h: Tensor = self.enter(inputs)
        for first, second in zip(self.first, self.second, strict=True):
            h = h + second(self._active(first(self._active(h))))
        values: Tensor = self.leave(self._active(h))
        return values

    def _active(self, z: Tensor) -> Tensor:
        return self._activation(z, 0)[0]
