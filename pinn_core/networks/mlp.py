"""The multilayer perceptron: affine layers with an activation between them."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.activations import ACTIVATIONS
from pinn_core.checks import at_least
from pinn_core.networks.network import NETWORKS
from pinn_core.randomness import generator
from pinn_core.stack import Stack


@NETWORKS.register("mlp")
@dataclass(frozen=True, kw_only=True)
class Mlp:
    """``depth`` hidden layers of ``width`` units.

    ``init: torch`` draws weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's
    default for linear layers; ``glorot`` draws weights from N(0, 2 / (fan_in + fan_out)) (Glorot
    and Bengio 2010) and sets biases to zero.

        >>> Mlp(width=8, depth=2).stack(3, 1).size
        113
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    width: int = 256
    depth: int = 4
    activation: Literal["tanh", "sin", "gelu", "silu", "softplus"] = "gelu"
    init: Literal["torch", "glorot"] = "torch"

    def __post_init__(self) -> None:
        at_least(1, width=self.width, depth=self.depth)

    def stack(self, inputs: int, outputs: int) -> Stack:
        """The layers between ``inputs`` coordinates and ``outputs`` solution components."""
        widths = (inputs, *[self.width] * self.depth, outputs)
        return Stack(widths, ACTIVATIONS[self.activation])

    def initial(self, inputs: int, outputs: int, seed: int) -> Float[Tensor, " p"]:
        """First parameters, float64; the same for all activations and problems of one shape."""
        stack = self.stack(inputs, outputs)
        rng = generator(seed, f"initial/{self.init}/{stack.widths}")
        parts = []
        for fan_in, fan_out in stack.shapes:
            if self.init == "torch":
                bound = 1.0 / math.sqrt(fan_in)
                parts.append(rng.uniform(-bound, bound, fan_in * fan_out))
                parts.append(rng.uniform(-bound, bound, fan_out))
            else:
                spread = math.sqrt(2.0 / (fan_in + fan_out))
                parts.append(rng.normal(0.0, spread, fan_in * fan_out))
                parts.append(np.zeros(fan_out))
        return torch.from_numpy(np.concatenate(parts))
