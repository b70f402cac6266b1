"""The multilayer perceptron: affine layers with an activation between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float

from pinn_core.checks import at_least, at_most
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.parametrization import PARAMETRIZATIONS, Parametrization
from pinn_core.engine.stack import Stack
from pinn_core.networks.initial import Init, drawn
from pinn_core.networks.network import MOST_LAYERS, MOST_UNITS, NETWORKS, Network
from pinn_core.networks.spread import check_inputs
from pinn_core.tensors import Tensor


@NETWORKS.register("mlp")
@dataclass(frozen=True, kw_only=True)
class Mlp(Network):
    """``depth`` hidden layers of ``width`` units.

    ``init: torch`` draws weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's
    default for linear layers; ``glorot`` draws weights from N(0, 2 / (fan_in + fan_out)) (Glorot
    and Bengio 2010) and sets biases to zero; ``spread`` does the same but for the first hidden
    layer, whose neurons s(g w (x - c)) have spread directions w, steepnesses g from 1 to
    width^(1 / inputs) and centres c from -1 to 1 on every axis. That is a rule of our own, not the
    one of arXiv 2507.11962, which has the same aim and which we did not read.

    ``parametrization: factorised`` trains W as diag(exp(s)) V (random weight factorisation, Wang et
    al. 2022); ``ntk`` trains W of W / sqrt(fan_in) and draws all from N(0, 1), whatever ``init``
    says (Jacot et al. 2018); ``adaptive`` trains a slope a, 1 at first, in each layer's activation
    s(a z) (Jagtap, Kawaguchi, Karniadakis 2020, L-LAAF with n = 1).

    When to use: The default. Choose ``glorot`` with ``tanh`` to repeat papers, ``factorised`` as a
    cheap remedy for slow training, ``spread`` (with ``inputs: {kind: scaled, to: symmetric}``) to
    begin with many independent features: on the heat equation it left the plateau in a sixth of
    the steps, on the wave equation it made the plateau longer.

        >>> Mlp(width=8, depth=2).stack(3, 1).size
        113
    """

    named: ClassVar[Mapping[str, str]] = {"activation": "activation"}

    width: int = 256
    """Units of a hidden layer."""
    depth: int = 4
    """Hidden layers."""
    activation: str = "gelu"
    """The function of the hidden layers."""
    init: Init = "torch"
    """How weights and biases are drawn."""
    parametrization: Literal["plain", "factorised", "ntk", "adaptive"] = "plain"
    """What is trained of a weight matrix."""

    def __post_init__(self) -> None:
        at_least(1, width=self.width, depth=self.depth)
        at_most(MOST_UNITS, width=self.width)
        at_most(MOST_LAYERS, depth=self.depth)

    def stack(self, inputs: int, outputs: int) -> Stack:
        """The layers between ``inputs`` numbers and ``outputs`` solution components."""
        if self.init == "spread":
            check_inputs(inputs)
        widths = (inputs, *[self.width] * self.depth, outputs)
        return Stack(widths, ACTIVATIONS[self.activation])

    def parametrization_of(self, stack: Stack) -> Parametrization:
        """What the trained parameters mean to a stack of this network."""
        return PARAMETRIZATIONS[self.parametrization](stack)

    def initial(self, inputs: int, outputs: int, seed: int) -> Float[Tensor, " p"]:
        """First trained parameters; the same for all activations and problems of one shape."""
        stack = self.stack(inputs, outputs)
        return self.parametrization_of(stack).initial(drawn(stack, self.init, seed), seed)
