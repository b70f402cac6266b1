"""Layers with residual connections."""

import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS


class Residual(torch.nn.Module):
    """An entry, ``blocks`` of two layers each, h + W2 s(W1 s(h)), and a linear layer at the end."""

    def __init__(self, activation: str, inputs: int, outputs: int, width: int, blocks: int) -> None:
        super().__init__()
        self._activation = ACTIVATIONS[activation]
        self.enter = torch.nn.Linear(inputs, width)
        self.first = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(blocks))
        self.second = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(blocks))
        self.leave = torch.nn.Linear(width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (n, outputs) of inputs (n, inputs)."""
        h: Tensor = self.enter(inputs)
        for first, second in zip(self.first, self.second, strict=True):
            h = h + second(self._active(first(self._active(h))))
        values: Tensor = self.leave(self._active(h))
        return values

    def _active(self, z: Tensor) -> Tensor:
        return self._activation(z, 0)[0]
