"""One chunk of points through a stack with gates or input features, forward and back.

The counterpart of ``chunk`` for networks that are more than layers in a row, in the same channels.
The encoders and the first layer have the same input: they go as one layer of three times the width.
Gates are those of Wang, Teng, Perdikaris 2021, section 2.6.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from pinn_core.engine.backends import chunk
from pinn_core.engine.backends.jets import Activation
from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import Stack, padded
from pinn_core.tensors import Tensor, torch


@runtime_checkable
class Kernels(Protocol):
    """What is done element by element, as ``jets`` defines it: ``fused`` or ``native_jets``."""

    def activate(
        self, z: Tensor, activation: Activation, channels: Channels, slopes: bool, /
    ) -> Tensor:
        """Channels after the activation."""

    def activate_reverse(
        self, z: Tensor, back: Tensor, activation: Activation, channels: Channels, slopes: bool, /
    ) -> Tensor:
        """Adjoints before the activation."""

    def gate(self, inside: Tensor, swing: Tensor, base: Tensor, channels: Channels, /) -> Tensor:
        """Channels of inside * swing + base."""

    def gate_reverse(self, back: Tensor, other: Tensor, channels: Channels, /) -> Tensor:
        """Adjoint of one factor of a product."""


@dataclass
class Saved:
    """What the reverse pass of one chunk needs.

    Per hidden layer what goes into the activation, what comes out of it, and what goes on after
    the gate; the gate's swing, which multiplies the activation.
    """

    inputs: Tensor
    before: list[Tensor] = field(default_factory=list)
    inside: list[Tensor] = field(default_factory=list)
    after: list[Tensor] = field(default_factory=list)
    swing: Tensor | None = None


class Gather(NamedTuple):
    """What a layer's gradients are made of, from adjoints (m, c, n, k) and inputs (m, c, n, w).

    Those by the weights (g, k, w) and by the biases (g, k), where g are the members, over whose
    points gradients are summed, or all their points (``by_points``).
    """

    weights: Callable[[Tensor, Tensor], Tensor]
    biases: Callable[[Tensor], Tensor]


def _summed(adjoint: Tensor, inputs: Tensor) -> Tensor:
    rows = inputs.flatten(1, 2).expand(len(adjoint), -1, -1)
    return chunk.outer(adjoint.flatten(1, 2), rows)


SUMMED = Gather(_summed, lambda adjoint: chunk.over_points(adjoint[:, 0]))


def forward(
    kernels: Kernels,
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    keep: bool,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k) for points (m or 1, n, d).

    If ``keep``, also what the way back needs.
    """
    layers = stack.layers(parameters)
    last = len(layers) - 2
    gated = stack.gates != "none"
    features = stack.features
    saved = Saved(points if features is None else features.channels(points, channels))
    z = _enter(_joined(stack, parameters), channels, saved.inputs)
    h = swing = base = z
    for depth in range(len(layers) - 1):
        if depth:
            z = _affine(h, layers[depth])
        inside = kernels.activate(z, stack.activation, channels, gated or depth < last)
        if gated and depth == 0:
            inside, swing, base = _parted(stack, inside)
            saved.swing = swing
        h = kernels.gate(inside, swing, base, channels) if stack.has_gate(depth) else inside
        if gated and depth == last:
            h = _without_slopes(h, channels)
        if keep:
            saved.before.append(z)
            saved.inside.append(inside)
            saved.after.append(h)
    return _affine(h, layers[-1]), saved


def reverse(
    kernels: Kernels,
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    saved: Saved,
    adjoint: Tensor,
    gather: Gather = SUMMED,
) -> Tensor:
    """Gradient (g, size) of sum(outputs * adjoint) with respect to the parameters."""
    layers = stack.layers(parameters)
    last = len(layers) - 2
    gated = stack.gates != "none"
    gradients: list[Tensor] = []
    by_swing = by_base = adjoint
    for depth in range(last, -1, -1):
        by_layer, back = _affine_reverse(gather, layers[depth + 1][0], saved.after[depth], adjoint)
        gradients = [*by_layer, *gradients]
        if gated and depth == last:
            back = _with_slopes(back, channels)
        if saved.swing is not None and stack.has_gate(depth):
            more = kernels.gate_reverse(back, saved.inside[depth], channels)
            by_swing = more if depth == last else by_swing.add_(more)
            by_base = back if depth == last else by_base + back
            back = kernels.gate_reverse(back, saved.swing, channels)
        if gated and depth == 0:
            back = _joined_adjoint(stack, back, by_swing, by_base)
        slopes = gated or depth < last
        adjoint = kernels.activate_reverse(
            saved.before[depth], back, stack.activation, channels, slopes
        )
    return _sorted(stack, _enter_reverse(gather, channels, saved.inputs, adjoint), gradients)


def _joined(stack: Stack, parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and biases of the first layer and the encoders, one below the other."""
    first = stack.layers(parameters)[0]
    if stack.gates == "none":
        return first
    parts = [first, *stack.encoders(parameters)]
    members, width, inputs = first[0].shape
    size = len(parts) * width * inputs
    room = parameters.new_empty(members, padded(size))
    weights = room[:, :size].view(members, len(parts) * width, inputs)
    for place, (own, _) in enumerate(parts):
        weights[:, place * width : (place + 1) * width] = own
    return weights, torch.cat([biases for _, biases in parts], dim=1)


def _parted(stack: Stack, joined: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """First activation, swing and base of the gates: h = inside * swing + base."""
    inside, *encoded = joined.split(stack.widths[1], dim=3)
    base = encoded[stack.base_encoder]
    return inside.contiguous(), encoded[1 - stack.base_encoder] - base, base.contiguous()


def _joined_adjoint(stack: Stack, inside: Tensor, by_swing: Tensor, by_base: Tensor) -> Tensor:
    rest = by_base - by_swing
    encoded = [rest, by_swing] if stack.base_encoder == 0 else [by_swing, rest]
    return torch.cat([inside, *encoded], dim=3)


def _sorted(stack: Stack, entrance: list[Tensor], others: list[Tensor]) -> Tensor:
    """The gradient in the parameters' order: all layers, then the encoders."""
    weights, biases = entrance
    if stack.gates == "none":
        return torch.cat([weights.flatten(1), biases, *others], dim=1)
    width = stack.widths[1]
    tables = [table.flatten(1) for table in weights.split(width, dim=1)]
    pairs = list(zip(tables, biases.split(width, dim=1), strict=True))
    encoders = [part for pair in pairs[1:] for part in pair]
    return torch.cat([*pairs[0], *others, *encoders], dim=1)


def _enter(layer: tuple[Tensor, Tensor], channels: Channels, inputs: Tensor) -> Tensor:
    """The first layer, of points (m or 1, n, d) or of features' channels (m or 1, c, n, f)."""
    if inputs.ndim == 3:
        return chunk.first(layer, channels, inputs)
    return _affine(inputs.expand(layer[0].shape[0], -1, -1, -1), layer)


def _enter_reverse(
    gather: Gather, channels: Channels, inputs: Tensor, adjoint: Tensor
) -> list[Tensor]:
    if inputs.ndim == 3:
        biases, weights = chunk.first_reverse(channels, inputs, adjoint)
        return [weights.view(*biases.shape, inputs.shape[2]), biases]
    return [gather.weights(adjoint, inputs), gather.biases(adjoint)]


def _affine(h: Tensor, layer: tuple[Tensor, Tensor]) -> Tensor:
    weights, biases = layer
    z = chunk.product(h.flatten(1, 2), weights.mT).view(*h.shape[:3], weights.shape[1])
    z[:, 0] += biases[:, None]
    return z


def _affine_reverse(
    gather: Gather, weights: Tensor, h: Tensor, adjoint: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Gradients by weights and biases, flat, and the adjoint of the layer's input."""
    by_weights = gather.weights(adjoint, h).flatten(1)
    back = chunk.product(adjoint.flatten(1, 2), weights).view(h.shape)
    return [by_weights, gather.biases(adjoint)], back


def _without_slopes(h: Tensor, channels: Channels) -> Tensor:
    """The output layer has no use for them."""
    if not channels.slopes:
        return h
    return torch.cat([h[:, :1], h[:, 1 + len(channels.slopes) :]], dim=1)


def _with_slopes(back: Tensor, channels: Channels) -> Tensor:
    slopes = len(channels.slopes)
    if not slopes:
        return back
    none = back.new_zeros(1).expand(len(back), slopes, *back.shape[2:])
    return torch.cat([back[:, :1], none, back[:, 1:]], dim=1)
