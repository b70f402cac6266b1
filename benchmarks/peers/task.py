"""What every peer is given, and what it must do with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sin": torch.sin,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "softplus": nn.functional.softplus,
}


@dataclass(frozen=True)
class Task:
    """One network, the points of one full batch, and how it is trained.

    ``parameters`` (P,) are weights (out, in), then biases, layer by layer; ``interior`` (n, 3) and
    ``boundary`` (n, 3) are points (x, y, t), ``target`` (n, 1) the values demanded on the boundary.
    What is trained is mean (u_xx + u_yy - u_t)^2 + ``lambda_b`` mean (u - target)^2, by Adam.
    Device and precision are the tensors'.
    """

    widths: tuple[int, ...]
    activation: str
    parameters: Tensor
    interior: Tensor
    boundary: Tensor
    target: Tensor
    lambda_b: float = 100.0
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class PackTask:
    """A task for m networks at once, trained ``steps`` steps from ``parameters`` (m, P)."""

    task: Task
    parameters: Tensor
    steps: int


Both = tuple[tuple[Tensor, Tensor], tuple[Sequence[Tensor], Sequence[Tensor]]]
"""Losses of residual and boundary, without weights, and the gradient of each by parameter."""


class Peer(Protocol):
    """Another implementation of a task."""

    def both(self) -> Both:
        """Both losses, and both gradients at the present parameters."""

    def step(self) -> None:
        """One training step, as the peer's users do it; changes the parameters."""


class PackPeer(Protocol):
    """Another implementation, which trains the networks of a pack, all steps in one call."""

    @property
    def compile_seconds(self) -> float:
        """What it needed, for this very shape, before its first step."""

    def both(self) -> tuple[Tensor, Tensor]:
        """Losses (m, 2) of residual and boundary, and gradients (m, 2, P), at the start."""

    def train(self) -> Tensor:
        """Train from the start again; the losses (steps, m, 2) before each update."""


def flat(gradient: Sequence[Tensor]) -> Tensor:
    """A gradient by parameter as one vector (P,), in the order of ``Task.parameters``."""
    return torch.cat([part.detach().flatten() for part in gradient])


def fill(layers: Sequence[nn.Linear], parameters: Tensor) -> None:
    """Give linear layers the parameters of a task."""
    own = [part for layer in layers for part in (layer.weight, layer.bias)]
    with torch.no_grad():
        for part, values in zip(own, parameters.split([p.numel() for p in own]), strict=True):
            part.copy_(values.view_as(part))
