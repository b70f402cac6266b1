"""The channels of a stack, and every affine map on the way: what it was given, what it gave.

An affine map z = W h + b acts on the value; on slopes and operators, which are linear in it, it
acts as W alone. So with a 1 (value) or 0 (others) behind h all channels have one matrix [W b], and
the gradient by it of anything that is made of one point is the sum over channels of the adjoint of
z times h: gradients point by point cost no more than one gradient (Goodfellow 2015, of layers
without derivatives).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jaxtyping import Float

from pinn_core.engine.operators import Channels, Operator
from pinn_core.engine.propagation import straightened
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor, torch

Carried = list[Tensor]
"""Value, slopes and operators of a layer, each (m, n, width)."""


@dataclass(frozen=True)
class AffineMap:
    """What a map was given, with the last column for the bias, and what it gave, in the graph."""

    inputs: Float[Tensor, "m c n i"]
    outputs: Float[Tensor, "m c n o"]


@dataclass(frozen=True)
class Tracing:
    """A maker of channels (``Ansatz.channels_of``) that keeps the ``maps`` of its last call.

    They come in the order of the flat parameters: layers, then encoders. The channels can be
    differentiated by autograd in the maps' outputs, not in the parameters.
    """

    maps: list[AffineMap] = field(default_factory=list)

    def __call__(
        self,
        stack: Stack,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
        operators: Sequence[Operator] = (),
    ) -> Float[Tensor, "m c n k"]:
        """Value and operators, for a stack whose layers are known."""
        from pinn_core.engine.backends.differentiable import chained, multiplied  # imports torch

        self.maps.clear()
        parameters, operators = parameters.detach(), tuple(operators)
        stack, points, carried = straightened(stack, points, operators)
        channels = Channels(carried, points.shape[2]).with_pairs()
        entrance = _entrance(stack, channels, points.expand(len(parameters), -1, -1))

        def through(h: Carried, layer: tuple[Tensor, Tensor], last: bool = False) -> Carried:
            z = self._affine(h, layer)
            return z if last else chained(stack.activation, channels, z)

        layers, encoders = stack.layers(parameters), stack.encoders(parameters)
        encoded = [through(entrance, layer) for layer in encoders]
        first = self.maps.copy()
        self.maps.clear()
        if stack.base_encoder == 0:
            encoded.reverse()
        h = through(entrance, layers[0])
        for depth in range(1, len(layers)):
            if stack.has_gate(depth - 1):
                swing = [u - v for u, v in zip(*encoded, strict=True)]
                product = multiplied(channels, h, swing)
                h = [left + right for left, right in zip(product, encoded[1], strict=True)]
            h = through(h, layers[depth], last=depth == len(layers) - 1)
        self.maps.extend(first)
        rows = [h[0], *h[1 + len(channels.slopes) :]][: 1 + len(operators)]
        for row, operator in enumerate(operators, start=1):
            if operator.zeroth:
                rows[row] = rows[row] + operator.zeroth * rows[0]
        return torch.stack(rows, dim=1)

    def _affine(self, h: Carried, layer: tuple[Tensor, Tensor]) -> Carried:
        weights, biases = layer
        inputs = torch.stack(h, dim=1)
        outputs = inputs @ weights.mT[:, None]
        outputs = torch.cat([outputs[:, :1] + biases[:, None, None], outputs[:, 1:]], dim=1)
        if not outputs.requires_grad:
            outputs.requires_grad_()
        ones = torch.zeros_like(inputs[..., :1])
        ones[:, 0] = 1.0
        self.maps.append(AffineMap(torch.cat([inputs.detach(), ones], dim=3), outputs))
        return list(outputs.unbind(1))


def _entrance(stack: Stack, channels: Channels, points: Float[Tensor, "m n d"]) -> Carried:
    """The channels of the first layer's input: of the features or the coordinates themselves."""
    if stack.features is not None:
        return list(stack.features.channels(points, channels).unbind(1))
    rows = [points]
    for axis in channels.slopes:
        rows.append(torch.zeros_like(points))
        rows[-1][..., axis] = 1.0
    for operator in channels.operators:
        rows.append(torch.zeros_like(points))
        for axis, coefficient in operator.first.items():
            rows[-1][..., axis] = coefficient
    return rows
