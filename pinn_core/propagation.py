"""The derivative engine: networks of a pack and operators on them, one way forward and one back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.backends import Backend, choose
from pinn_core.operators import Channels, Operator
from pinn_core.stack import Stack


def propagate(
    stack: Stack,
    parameters: Float[Tensor, "m p"],
    points: Float[Tensor, "#m n d"],
    operators: Sequence[Operator] = (),
    threads: int = 1,
    backend: str = "auto",
) -> Float[Tensor, "m c n k"]:
    """Value (channel 0) and every operator (channels 1, 2, ...) of each member's network.

    Parameters may be longer than ``stack.size`` (padding: its gradient is zero); points with a
    leading 1 are shared by the members. Differentiable once, with respect to the parameters.
    ``backend`` is ``auto`` or a name in ``pinn_core.backends``.
    """
    job = _Job(
        choose(backend, stack, parameters),
        stack,
        Channels(tuple(operators), points.shape[2]),
        threads,
        keep=parameters.requires_grad and torch.is_grad_enabled(),
    )
    output: Tensor = _Propagation.apply(parameters, points, job)  # type: ignore[no-untyped-call]
    zeroth = [index for index, op in enumerate(operators, start=1) if op.zeroth]
    if zeroth:
        added = [
            output[:, i] + operators[i - 1].zeroth * output[:, 0] if i in zeroth else output[:, i]
            for i in range(output.shape[1])
        ]
        return torch.stack(added, dim=1)
    return output


@dataclass(frozen=True)
class _Job:
    backend: Backend
    stack: Stack
    channels: Channels
    threads: int
    keep: bool


class _Propagation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, parameters: Tensor, points: Tensor, job: _Job) -> Tensor:  # noqa: ANN401
        ctx.backend = job.backend
        output, ctx.saved = job.backend.forward(
            job.stack, job.channels, parameters, points, job.threads, job.keep
        )
        return output

    @staticmethod
    def backward(ctx: Any, *adjoints: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return ctx.backend.reverse(ctx.saved, adjoints[0]), None, None
