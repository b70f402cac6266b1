"""Propagation as a function of torch's autograd; apart, for its class needs torch to be made."""

from typing import Any

import torch
from torch import Tensor

from pinn_core.engine.propagation import forward


class Propagate(torch.autograd.Function):
    """The channels of ``forward``, differentiable once in the parameters."""

    @staticmethod
    def forward(ctx: Any, parameters: Tensor, points: Tensor, arguments: Any) -> Tensor:  # noqa: ANN401
        """Of stack, operators, threads, backend and whether there is to be a way back."""
        stack, operators, threads, backend, keep = arguments
        ctx.way = forward(stack, parameters, points, operators, threads, backend, keep)
        channels: Tensor = ctx.way.channels
        return channels

    @staticmethod
    def backward(ctx: Any, *adjoints: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        """The gradient with respect to the parameters."""
        return ctx.way.reverse(adjoints[0]), None, None
