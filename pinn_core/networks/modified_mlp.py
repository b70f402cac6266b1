"""The improved architecture: a multilayer perceptron whose layers are gated by two encoders.

Wang, Teng, Perdikaris 2021, section 2.6: with encoders U = s(W1 x + b1) and V = s(W2 x + b2) of the
input, every hidden layer's activation A mixes the two before it goes on.
"""

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


@NETWORKS.register("modified_mlp")
@dataclass(frozen=True, kw_only=True)
class ModifiedMlp(Network):
    """``depth`` hidden layers of ``width`` units between two encoders of the input.

    ``variant: code`` gates every hidden layer, A U + (1 - A) V, as the code behind the paper's
    tables does; ``paper`` leaves the first as it is and mixes the others as (1 - A) U + A V (2
    layers at least). ``init`` as in ``Mlp``, and ``glorot`` and ``spread`` also draw the encoders'
    biases. ``parametrization`` as in ``Mlp``.

    When to use: Where a plain network trains slowly on a solution of several scales; a step costs
    more.

        >>> ModifiedMlp(width=50, depth=3).stack(2, 1).size
        5601
    """

    named: ClassVar[Mapping[str, str]] = {"activation": "activation"}

    width: int = 50
    """Units of a hidden layer, and of both encoders."""
    depth: int = 3
    """Hidden layers."""
    activation: str = "tanh"
    """The function of the hidden layers."""
    init: Init = "glorot"
    """How weights and biases are drawn, as in ``mlp``."""
    variant: Literal["paper", "code"] = "code"
    """How the encoders gate the layers."""
    parametrization: Literal["plain", "factorised", "ntk", "adaptive"] = "plain"
    """What is trained of a weight matrix, as in ``mlp``."""

    def __post_init__(self) -> None:
        at_least(1, width=self.width)
        at_least(2 if self.variant == "paper" else 1, depth=self.depth)
        at_most(MOST_UNITS, width=self.width)
        at_most(MOST_LAYERS, depth=self.depth)

    def stack(self, inputs: int, outputs: int) -> Stack:
        """The gated layers between ``inputs`` numbers and ``outputs`` solution components."""
        if self.init == "spread":
            check_inputs(inputs)
        widths = (inputs, *[self.width] * self.depth, outputs)
        return Stack(widths, ACTIVATIONS[self.activation], self.variant)

    def parametrization_of(self, stack: Stack) -> Parametrization:
        """What the trained parameters mean to a stack of this network."""
        return PARAMETRIZATIONS[self.parametrization](stack)

    def initial(self, inputs: int, outputs: int, seed: int) -> Float[Tensor, " p"]:
        """First trained parameters; the layers' are those of an ``Mlp`` of this shape."""
        stack = self.stack(inputs, outputs)
        return self.parametrization_of(stack).initial(drawn(stack, self.init, seed), seed)
