"""What a network's last layer sums: the channels of its last hidden neurons, and of a constant."""

from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Float

from pinn_core.engine.operators import Operator
from pinn_core.engine.propagation import forward
from pinn_core.engine.stack import Stack, padded
from pinn_core.tensors import Tensor, torch


def summands(
    stack: Stack,
    parameters: Float[Tensor, "m p"],
    points: Float[Tensor, "#m n d"],
    operators: Sequence[Operator] = (),
    threads: int = 1,
    backend: str = "auto",
) -> Float[Tensor, "m c n _"]:
    """Value and operators of every neuron of the last hidden layer, and after them of the one.

    They are the channels of the same layers with the identity as their last one. The stack must be
    one of layers, ``parameters`` those that it takes.
    """
    last, width, members = stack.last_layer(), stack.widths[-2], len(parameters)
    wide = replace(stack, widths=(*stack.widths[:-1], width))
    flat = parameters.new_zeros(members, padded(wide.size))
    flat[:, : last.start] = parameters[:, : last.start]
    weights, biases = wide.places()[-1]
    flat[:, weights].view(members, width, width).diagonal(dim1=1, dim2=2).fill_(1.0)
    encoders = parameters[:, last.stop : stack.size]
    flat[:, biases.stop : biases.stop + encoders.shape[1]] = encoders
    channels = forward(wide, flat, points, operators, threads, backend, keep=False).channels
    one = channels.new_tensor([1.0, *(op.zeroth for op in operators)])
    return torch.cat([channels, one[:, None, None].expand_as(channels[..., :1])], dim=3)
