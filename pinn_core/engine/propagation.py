"""The derivative engine: networks of a pack and operators on them, one way forward and one back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float

from pinn_core.engine.backends import Backend, by_points, choose, modules, settled
from pinn_core.engine.backends.modules import ModuleStack
from pinn_core.engine.features import scaled
from pinn_core.engine.operators import Channels, Operator
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor, torch


@dataclass(frozen=True)
class Propagation:
    """One way forward: its channels (m, c, n, k), and the way back.

    Channel 0 is the value, channels 1, 2, ... are the operators.
    """

    channels: Tensor
    operators: tuple[Operator, ...]
    backend: Backend
    saved: Any

    def reverse(self, adjoint: Float[Tensor, "m c n k"]) -> Float[Tensor, "m p"]:
        """Gradient of sum(channels * adjoint) with respect to the parameters."""
        for index, factor in _zeroth(self.operators, self.backend):
            adjoint = adjoint.clone()
            adjoint[:, 0] += factor * adjoint[:, index]
        return self.backend.reverse(self.saved, adjoint)


def forward(
    stack: Stack,
    parameters: Float[Tensor, "m p"],
    points: Float[Tensor, "#m n d"],
    operators: Sequence[Operator] = (),
    threads: int = 1,
    backend: str = "auto",
    keep: bool = True,
) -> Propagation:
    """Value (channel 0) and every operator (channels 1, 2, ...) of each member's network.

    Parameters may be longer than ``stack.size`` (padding: its gradient is zero); points with a
    leading 1 are shared by the members. Without ``keep`` there is no way back. ``backend`` is
    ``auto`` or a name in ``pinn_core.engine.backends``.
    """
    operators = tuple(operators)
    serves = choose(backend, stack, parameters, operators)
    stack, points, carried = straightened(stack, points, operators)
    channels, saved = serves.forward(
        stack, Channels(carried, points.shape[2]), parameters.detach(), points, threads, keep
    )
    for index, factor in _zeroth(operators, serves):
        channels[:, index] += factor * channels[:, 0]
    return Propagation(channels, operators, serves, saved)


@dataclass(frozen=True)
class PointPropagation:
    """One way forward, and the way back for every point apart."""

    channels: Tensor
    operators: tuple[Operator, ...]
    saved: Any

    def reverse(self, adjoint: Float[Tensor, "m c n k"]) -> Float[Tensor, "m n e"]:
        """Gradients of every point's sum(channels * adjoint) by the parameters, without padding."""
        for index, factor in _zeroth(self.operators):
            adjoint = adjoint.clone()
            adjoint[:, 0] += factor * adjoint[:, index]
        return by_points.reverse(self.saved, adjoint)


def forward_by_points(
    stack: Stack,
    parameters: Float[Tensor, "m p"],
    points: Float[Tensor, "#m n d"],
    operators: Sequence[Operator] = (),
    backend: str = "auto",
) -> PointPropagation:
    """What ``forward`` gives, with a way back whose gradients are not summed over points."""
    operators = tuple(operators)
    native = settled(backend, stack, parameters) == "native"
    stack, points, carried = straightened(stack, points, operators)
    channels, saved = by_points.forward(
        stack, Channels(carried, points.shape[2]), parameters.detach(), points, native
    )
    for index, factor in _zeroth(operators):
        channels[:, index] += factor * channels[:, 0]
    return PointPropagation(channels, operators, saved)


def propagate(
    stack: Stack,
    parameters: Float[Tensor, "m p"],
    points: Float[Tensor, "#m n d"],
    operators: Sequence[Operator] = (),
    threads: int = 1,
    backend: str = "auto",
) -> Float[Tensor, "m c n k"]:
    """The channels of ``forward``, differentiable once by autograd in the parameters."""
    from pinn_core.engine.differentiable import Propagate

    keep = parameters.requires_grad and torch.is_grad_enabled()
    arguments = (stack, operators, threads, backend, keep)
    output: Tensor = Propagate.apply(parameters, points, arguments)  # type: ignore[no-untyped-call]
    return output


def differentiable_channels(
    stack: Stack,
    parameters: Float[Tensor, "m p"],
    points: Float[Tensor, "#m n d"],
    operators: Sequence[Operator] = (),
) -> Float[Tensor, "m c n k"]:
    """The channels of ``forward``, differentiable by autograd to any order in the parameters.

    Slower than ``propagate``; for derivatives of the gradient.
    """
    from pinn_core.engine.backends import differentiable

    operators = tuple(operators)
    stack, points, carried = straightened(stack, points, operators)
    carrying = Channels(carried, points.shape[2])
    by = modules.differentiable if isinstance(stack, ModuleStack) else differentiable.channels
    parts = list(by(stack, carrying, parameters, points).unbind(1))
    for index, factor in _zeroth(operators):
        parts[index] = parts[index] + factor * parts[0]
    return torch.stack(parts, dim=1)


def straightened(
    stack: Stack, points: Tensor, operators: tuple[Operator, ...]
) -> tuple[Stack, Tensor, tuple[Operator, ...]]:
    """Features that only shift and scale become a change of coordinates."""
    if stack.features is None or not stack.features.affine:
        return stack, points, operators
    mapped, carried = scaled(points, operators, stack.features)
    return stack.with_features(None), mapped, carried


def _zeroth(
    operators: Sequence[Operator], backend: Backend | None = None
) -> list[tuple[int, float]]:
    """Channel and coefficient of the operators whose multiple of the value is still to be added."""
    if backend is not None and backend.adds_zeroth:
        return []
    return [(index, op.zeroth) for index, op in enumerate(operators, start=1) if op.zeroth]
