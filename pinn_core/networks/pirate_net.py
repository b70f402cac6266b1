r"""PirateNet: residual blocks that are identities at first, so that the network starts linear.

Wang, Li, Chen, Perdikaris, PirateNets: physics-informed deep learning with residual adaptive
networks, JMLR 25, 2024, equations 4.1 to 4.8. From features Phi = [cos B x, sin B x] and the
encoders U = s(W Phi + b), V = s(W' Phi + b'), each block makes

    f = s(W1 x + b1),   z1 = f U + (1 - f) V
    g = s(W2 z1 + b2),  z2 = g U + (1 - g) V
    h = s(W3 z2 + b3),  x <- alpha h + (1 - alpha) x

of x = Phi; alpha, one number a block, is trained and starts at 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pinn_core.checks import MOST_COEFFICIENT, above, at_least, at_most
from pinn_core.networks.module_network import ModuleNetwork
from pinn_core.networks.network import MOST_LAYERS, MOST_UNITS, NETWORKS
from pinn_core.tensors import torch


@NETWORKS.register("piratenet")
@dataclass(frozen=True, kw_only=True)
class PirateNet(ModuleNetwork):
    """``blocks`` of three layers of ``width`` units (Wang, Li, Chen, Perdikaris 2024).

    The width is also the number of Fourier features, half of them cosines; the entries of their
    trained directions B start from N(0, ``scale``^2) (the paper's 2 for Allen-Cahn, 1 else). With
    ``inputs: periodic`` they are features of the periodic ones, as in the paper. Left out are the
    least-squares start of the output layer, which has to know the problem, and the random weight
    factorisation.

    When to use: For networks that are deep. Where an ``mlp`` of 4 layers does, that one is many
    times faster, for this one is a torch module.

        >>> PirateNet(width=8, blocks=2).stack(2, 1).size
        595
    """

    named: ClassVar[Mapping[str, str]] = {"activation": "activation"}

    width: int = 256
    """Units of a layer and number of Fourier features, an even number."""
    blocks: int = 3
    """Number of residual blocks, of three layers each."""
    activation: str = "tanh"
    """The function of the layers and of both encoders."""
    scale: float = 1.0
    """Standard deviation of the directions' entries at the start."""

    def __post_init__(self) -> None:
        at_least(2, width=self.width)
        at_least(1, blocks=self.blocks)
        at_most(MOST_UNITS, width=self.width)
        at_most(MOST_LAYERS // 3, blocks=self.blocks)
        above(0, scale=self.scale)
        at_most(MOST_COEFFICIENT, scale=self.scale)
        if self.width % 2:
            raise ValueError(f"width must be even, found {self.width}")

    def module(self, inputs: int, outputs: int) -> "torch.nn.Module":
        """The features, the encoders, the blocks, and a linear layer to the outputs."""
        from pinn_core.networks.modules.pirate import Pirate

        return Pirate(self.activation, inputs, outputs, self.width, self.blocks, self.scale)
