"""Operators of order three, which no other backend carries: plain torch, back by autograd."""

from dataclasses import dataclass

from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor, torch


@dataclass(frozen=True)
class Saved:
    """The parameters and the outputs with their graph."""

    parameters: Tensor
    outputs: Tensor


adds_zeroth = False


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    threads: int,  # noqa: ARG001
    keep: bool,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k), and, if ``keep``, what the way back needs."""
    from pinn_core.engine.backends import differentiable

    own = parameters.detach().requires_grad_(keep)
    with torch.set_grad_enabled(keep):
        outputs = differentiable.channels(stack, channels, own, points)
    return outputs.detach().clone(), Saved(own, outputs)


def reverse(saved: Saved, adjoint: Tensor) -> Tensor:
    """Gradient (m, P) of sum(outputs * adjoint) with respect to the parameters."""
    (gradient,) = torch.autograd.grad(
        saved.outputs, saved.parameters, adjoint.contiguous(), retain_graph=True
    )
    return gradient
