"""The derivative engine: networks of a pack and operators on them, one way forward and one back.

Points go through in chunks of fixed size whose gradients are added in order, so that a member's
numbers depend on a CPU neither on its pack nor on the number of threads.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.backends import eager
from pinn_core.operators import Channels, Operator
from pinn_core.stack import Stack, padded

CHUNK = 512
"""Points that go through the layers together: a layer's channels then stay near the cache."""
STACK_BELOW = 1 << 23
"""Multiply-adds per layer, chunk and member below which members share matrix products on a CPU."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def propagate(
    stack: Stack,
    parameters: Float[Tensor, "m p"],
    points: Float[Tensor, "#m n d"],
    operators: Sequence[Operator] = (),
    threads: int = 1,
) -> Float[Tensor, "m c n k"]:
    """Value (channel 0) and every operator (channels 1, 2, ...) of each member's network.

    Parameters may be longer than ``stack.size`` (padding: its gradient is zero); points with a
    leading 1 are shared by the members. Differentiable once, with respect to the parameters.
    """
    job = _Job(stack, Channels(tuple(operators), points.shape[2]), threads)
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
    stack: Stack
    channels: Channels
    threads: int

    def groups(self, parameters: Tensor, points: int) -> list[list[int]]:
        """Members that go together: all where stacking pays, else each alone."""
        members = list(range(parameters.shape[0]))
        widest = max(self.stack.widths)
        work = self.channels.count * min(points, CHUNK) * widest * widest
        if parameters.is_cuda or work < STACK_BELOW:
            return [members]
        return [[member] for member in members]


class _Propagation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, parameters: Tensor, points: Tensor, job: _Job) -> Tensor:  # noqa: ANN401
        count = points.shape[1]
        missing = padded(count) - count
        if missing:
            points = torch.cat([points, points[:, -1:].expand(-1, missing, -1)], dim=1)
        ctx.job, ctx.shape, ctx.count, ctx.missing = job, parameters.shape, count, missing
        ctx.runs = []
        outputs = []
        for group in job.groups(parameters, count):
            own = parameters[group]
            inputs = points if points.shape[0] == 1 else points[group]
            chunks = [c.contiguous() for c in inputs.split(CHUNK, dim=1)]
            results = _each(_forward(job, own), chunks, job.threads)
            outputs += [torch.cat([out for out, _ in results], dim=2)[:, :, :count]]
            if ctx.needs_input_grad[0]:
                ctx.runs.append((group, own, [saved for _, saved in results]))
        return torch.cat(outputs)

    @staticmethod
    def backward(ctx: Any, *adjoints: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        adjoint = torch.nn.functional.pad(adjoints[0], (0, 0, 0, ctx.missing))
        gradient = adjoint.new_zeros(ctx.shape)
        for group, own, saved in ctx.runs:
            pieces = zip(saved, adjoint[group].split(CHUNK, dim=2), strict=True)
            parts = _each(_reverse(ctx.job, own), pieces, ctx.job.threads)
            total = parts[0]
            for part in parts[1:]:
                total += part
            gradient[group, : ctx.job.stack.size] = total
        return gradient, None, None


def _forward(job: _Job, parameters: Tensor) -> Callable[[Tensor], tuple[Tensor, eager.Saved]]:
    return lambda chunk: eager.forward(job.stack, job.channels, parameters, chunk)


def _reverse(job: _Job, parameters: Tensor) -> Callable[[tuple[eager.Saved, Tensor]], Tensor]:
    return lambda piece: eager.reverse(job.stack, job.channels, parameters, *piece)


def _each(do: Callable[[Item], Result], items: Iterable[Item], threads: int) -> list[Result]:
    """Results in the order of the items, whatever thread made them."""
    if threads == 1:
        return [do(item) for item in items]
    return list(_pool(threads).map(do, items))


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    def quiet() -> None:
        torch.set_num_threads(1)
        torch.set_grad_enabled(False)

    return ThreadPoolExecutor(threads, initializer=quiet)
