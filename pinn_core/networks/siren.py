r"""SIREN: layers of sines, drawn so that their arguments spread alike in all layers.

Sitzmann, Martel, Bergman, Lindell, Wetzstein, Implicit neural representations with periodic
activation functions, NeurIPS 2020, section 3.2 and supplement 1. With omega_0 in the first hidden
layer and omega in the others, a layer of f inputs is

    x -> sin(omega (W x + b)),    first: W ~ U(-1/f, 1/f),
                                  hidden and output: W ~ U(-sqrt(6/f)/omega, sqrt(6/f)/omega),

the output layer has no sine and no factor, and b ~ U(-1/sqrt(f), 1/sqrt(f)) (PyTorch's default,
which the authors' code leaves).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pinn_core.checks import above, at_least, at_most
from pinn_core.engine.activations import sin
from pinn_core.engine.parametrization import Parametrization, Pullback
from pinn_core.engine.stack import Stack
from pinn_core.networks.network import MOST_LAYERS, MOST_UNITS, NETWORKS, Network
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch


@NETWORKS.register("siren")
@dataclass(frozen=True, kw_only=True)
class Siren(Network):
    """``depth`` hidden layers of ``width`` sines (Sitzmann et al. 2020).

    ``omega_first`` is the frequency of the first hidden layer, ``omega`` that of the others. The
    paper takes 30 for images and sound, with inputs from -1 to 1 (``inputs: scaled``). The residual
    of an equation of order q grows as omega_first^q: smooth solutions want 1 to 10. W, not omega W,
    is trained, so that a gradient by a hidden weight is omega times that of a plain layer of
    sines.

    When to use: For solutions that oscillate many times within the domain. Search over
    ``omega_first``.

        >>> Siren(width=8, depth=2).stack(3, 1).size
        113
    """

    width: int = 256
    """Units of a hidden layer."""
    depth: int = 3
    """Hidden layers."""
    omega_first: float = 30.0
    """The factor of the first hidden layer's arguments."""
    omega: float = 30.0
    """The factor of the other hidden layers' arguments."""

    def __post_init__(self) -> None:
        at_least(1, width=self.width, depth=self.depth)
        at_most(MOST_UNITS, width=self.width)
        at_most(MOST_LAYERS, depth=self.depth)
        above(0, omega_first=self.omega_first, omega=self.omega)
        at_most(1e4, omega_first=self.omega_first, omega=self.omega)

    def stack(self, inputs: int, outputs: int) -> Stack:
        """The layers between ``inputs`` numbers and ``outputs`` solution components."""
        return Stack((inputs, *[self.width] * self.depth, outputs), sin)

    def parametrization_of(self, stack: Stack) -> Parametrization:
        """W and b of the layers, which the stack takes times omega."""
        return Frequencies(stack, self.omega_first, self.omega)

    def initial(self, inputs: int, outputs: int, seed: int) -> Float[Tensor, " p"]:
        """W and b of every layer, keyed by the seed and the widths."""
        stack = self.stack(inputs, outputs)
        rng = generator(seed, f"initial/siren/{stack.widths}")
        parts = []
        for layer, (fan_in, fan_out) in enumerate(stack.shapes):
            bound = math.sqrt(6 / fan_in) / self.omega if layer else 1 / fan_in
            parts.append(rng.uniform(-bound, bound, fan_in * fan_out))
            parts.append(rng.uniform(-1, 1, fan_out) / math.sqrt(fan_in))
        return torch.from_numpy(np.concatenate(parts))


@dataclass(frozen=True)
class Frequencies:
    """Weights and biases of hidden layers times a frequency, ``first`` in the first of them."""

    identical: ClassVar[bool] = False

    stack: Stack
    first: float
    others: float

    @property
    def size(self) -> int:
        """The stack's own."""
        return self.stack.size

    def effective(self, theta: Float[Tensor, "m p"]) -> tuple[Tensor, Pullback]:
        """All but the last layer's parameters times their frequency."""
        scale = theta.new_ones(theta.shape[1])
        for layer, (weights, biases) in enumerate(self.stack.places()[:-1]):
            scale[weights.start : biases.stop] = self.others if layer else self.first
        return theta * scale, lambda gradient: gradient * scale

    def initial(self, drawn: Float[Tensor, " e"], seed: int) -> Float[Tensor, " p"]:  # noqa: ARG002
        """As drawn."""
        return drawn
