"""Blocks of gated layers with adaptive residual connections, behind random Fourier features."""

import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS, Activation


class Pirate(torch.nn.Module):
    """Features Phi(x) = [cos B x, sin B x], encoders U and V of them, the blocks, a linear layer.

    B is drawn from N(0, scale^2) and trained, weights are drawn by Glorot's normal rule, biases and
    the blocks' alphas are zero. ``constants`` says whether the last layer has biases.
    """

    def __init__(
        self,
        activation: str,
        inputs: int,
        outputs: int,
        width: int,
        blocks: int,
        scale: float,
        constants: bool,
    ) -> None:
        super().__init__()
        self._activation = ACTIVATIONS[activation]
        self.directions = torch.nn.Linear(inputs, width // 2, bias=False)
        torch.nn.init.normal_(self.directions.weight, std=scale)
        self.encoders = torch.nn.ModuleList(linear(width, width) for _ in range(2))
        self.blocks = torch.nn.ModuleList(Block(self._activation, width) for _ in range(blocks))
        self.leave = linear(width, outputs, constants)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (n, outputs) of inputs (n, inputs)."""
        along = self.directions(inputs)
        x = torch.cat([along.cos(), along.sin()], dim=1)
        u, v = (self._activation(encoder(x), 0)[0] for encoder in self.encoders)
        for block in self.blocks:
            x = block(x, u, v)
        values: Tensor = self.leave(x)
        return values


class Block(torch.nn.Module):
    """Two layers gated by U and V, a third, and x <- alpha h + (1 - alpha) x."""

    def __init__(self, activation: Activation, width: int) -> None:
        super().__init__()
        self._activation = activation
        self.layers = torch.nn.ModuleList(linear(width, width) for _ in range(3))
        self.mix = Mix()

    def forward(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """The block's output (n, width) from its input and the encoders' values."""
        h = x
        for place, layer in enumerate(self.layers):
            h = self._activation(layer(h), 0)[0]
            if place < 2:
                h = h * u + (1 - h) * v
        mixed: Tensor = self.mix(h, x)
        return mixed


class Mix(torch.nn.Module):
    """The adaptive residual connection; a module, so that alpha comes behind its block's layers."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = torch.nn.Parameter(torch.zeros(1))

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        """Alpha h + (1 - alpha) x."""
        return self.alpha * h + (1 - self.alpha) * x


def linear(inputs: int, outputs: int, biases: bool = True) -> torch.nn.Linear:
    """A layer as Glorot and Bengio 2010 draw it, its biases zero."""
    layer = torch.nn.Linear(inputs, outputs, bias=biases)
    torch.nn.init.xavier_normal_(layer.weight)
    if biases:
        torch.nn.init.zeros_(layer.bias)
    return layer
