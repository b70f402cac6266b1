r"""PirateNet: residual blocks that are identities at first, so that the network starts linear.

Wang, Li, Chen, Perdikaris, PirateNets: physics-informed deep learning with residual adaptive
networks, JMLR 25, 2024, equations 4.1 to 4.8. From features Phi = [cos B x, sin B x] and the
encoders U = s(W Phi + b), V = s(W' Phi + b'), each block makes

    f = s(W1 x + b1),   z1 = f U + (1 - f) V
    g = s(W2 z1 + b2),  z2 = g U + (1 - g) V
    h = s(W3 z2 + b3),  x <- alpha h + (1 - alpha) x

of x = Phi; alpha, one number a block, is trained and starts at 0. The outputs are W x + c. By the
physics-informed start (as in the authors' code) there is no c, and W comes from

    min over W of |W Phi(x, t) - u(x, 0)|^2,   all t alike
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float

from pinn_core.checks import MOST_COEFFICIENT, above, at_least, at_most
from pinn_core.engine.stack import Stack
from pinn_core.networks.module_network import ModuleNetwork
from pinn_core.networks.network import MOST_LAYERS, MOST_UNITS, NETWORKS
from pinn_core.tensors import Tensor, torch


@NETWORKS.register("piratenet")
@dataclass(frozen=True, kw_only=True)
class PirateNet(ModuleNetwork):
    """``blocks`` of three layers of ``width`` units (Wang, Li, Chen, Perdikaris 2024).

    The width is also the number of Fourier features, half of them cosines; the entries of their
    trained directions B start from N(0, ``scale``^2) (the paper's 2 for Allen-Cahn, 1 else). With
    ``inputs: periodic`` they are features of the periodic ones, as in the paper. The random weight
    factorisation is left out.

    With ``init: initial_condition`` the last layer has no constants, and starts at the least
    squares that make the outputs the initial values at all times (at 512 places and 21 times), as
    in the authors' runs. An output without initial values keeps what was drawn. Steady problems and
    hard constraints are refused; the start from a linearised equation is left out.

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
    init: Literal["glorot", "initial_condition"] = "glorot"
    """How the last layer starts: drawn as all others, or from the initial condition."""

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

        constants = not self.takes_start
        return Pirate(
            self.activation, inputs, outputs, self.width, self.blocks, self.scale, constants
        )

    @property
    def takes_start(self) -> bool:
        """With ``init: initial_condition``."""
        return self.init == "initial_condition"

    def near_start(
        self,
        drawn: Float[Tensor, " p"],
        stack: Stack,
        starts: Mapping[int, tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]],
    ) -> Float[Tensor, " p"]:
        """The last layer's rows by least squares, solved in float64.

        Singular values that count as zero are those of the authors' runs, which are in float32:
        below 1.3e-3 of the largest. Smaller ones would give rows that float32 cannot hold.
        """
        inputs, outputs = stack.widths[0], stack.widths[-1]
        directions = drawn[: inputs * self.width // 2].view(-1, inputs)
        found = drawn.clone()
        rows = found[len(found) - outputs * self.width :].view(outputs, self.width)
        for output, (points, values) in starts.items():
            given = points if stack.features is None else stack.features.values(points)
            along = given @ directions.T
            features = torch.cat([along.cos(), along.sin()], dim=1)
            cutoff = torch.finfo(torch.float32).eps * max(features.shape)
            solved = torch.linalg.lstsq(features, values[:, None], rcond=cutoff, driver="gelsd")
            rows[output] = solved.solution[:, 0]
        return found
