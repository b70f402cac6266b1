"""A pack's fully connected layers as views into flat parameters."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pinn_core.activations import Jet

LANES = 32
"""Points and parameters are padded to this multiple: no vector unit is left with a remainder."""


def padded(size: int) -> int:
    """The next multiple of ``LANES``."""
    return size + -size % LANES


@dataclass(frozen=True)
class Stack:
    """Layer widths from input to output, at least one hidden layer, and the activation's jet."""

    widths: tuple[int, ...]
    activation: Callable[[Tensor, int], Jet]

    @property
    def size(self) -> int:
        """Number of parameters of one member."""
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in self.shapes)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(fan_in, fan_out) of every layer."""
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))

    def places(self) -> list[tuple[slice, slice]]:
        """Where the weights and the biases of every layer stand in the flat parameters."""
        found, at = [], 0
        for fan_in, fan_out in self.shapes:
            middle, end = at + fan_in * fan_out, at + (fan_in + 1) * fan_out
            found.append((slice(at, middle), slice(middle, end)))
            at = end
        return found

    def layers(self, parameters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Views (weights (m, out, in), biases (m, out)) into flat parameters (m, P >= size)."""
        views = []
        at = 0
        for fan_in, fan_out in self.shapes:
            weights = parameters[:, at : at + fan_in * fan_out].unflatten(1, (fan_out, fan_in))
            at += fan_in * fan_out
            views.append((weights, parameters[:, at : at + fan_out]))
            at += fan_out
        return views
