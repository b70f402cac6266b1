"""The reference backend: plain torch operations, any stack, device and precision.

Points go through in chunks of fixed size whose gradients are added in order, so that a member's
numbers depend on a CPU neither on its pack nor on the number of threads.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from pinn_core.engine.backends import chunk, composed, fused
from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import Stack, padded
from pinn_core.tensors import Tensor, torch

CHUNK = 512
"""Points that go through the layers together: a layer's channels then stay near the cache."""
CUDA_CHUNK = 1 << 16
"""The same on a GPU, which small pieces would leave idle; bounds what a large grid takes."""
STACK_BELOW = 1 << 23
"""Multiply-adds per layer, chunk and member below which members share matrix products on a CPU."""

Kept = chunk.Saved | composed.Saved
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Saved:
    """A pack's way forward: per group its members, their parameters and what each chunk kept."""

    stack: Stack
    channels: Channels
    shape: "torch.Size"
    missing: int
    threads: int
    size: int
    kernels: composed.Kernels
    groups: list[tuple[slice, Tensor, list[Kept]]]


adds_zeroth = False


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    threads: int,
    keep: bool,
    kernels: composed.Kernels = fused,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k), and, if ``keep``, what the way back needs.

    ``kernels`` are for networks that are more than layers in a row.
    """
    count = points.shape[1]
    size, missing = CHUNK, padded(count) - count
    if parameters.is_cuda:
        size, missing, threads = CUDA_CHUNK, 0, 1
    if missing:
        points = torch.cat([points, points[:, -1:].expand(-1, missing, -1)], dim=1)
    saved = Saved(stack, channels, parameters.shape, missing, threads, size, kernels, [])
    outputs = []
    for group in groups(stack, channels, parameters, count):
        own = parameters[group]
        inputs = points if points.shape[0] == 1 else points[group]
        chunks = [c.contiguous() for c in inputs.split(size, dim=1)]
        results = _each(_forward(kernels, stack, channels, own, keep), chunks, threads)
        outputs.append(torch.cat([out for out, _ in results], dim=2)[:, :, :count])
        if keep:
            saved.groups.append((group, own, [kept for _, kept in results]))
    return torch.cat(outputs), saved


def reverse(saved: Saved, adjoint: Tensor) -> Tensor:
    """Gradient (m, P) of sum(outputs * adjoint) with respect to the parameters."""
    adjoint = torch.nn.functional.pad(adjoint, (0, 0, 0, saved.missing))
    gradient = adjoint.new_zeros(saved.shape)
    for group, own, kept in saved.groups:
        pieces = zip(kept, adjoint[group].split(saved.size, dim=2), strict=True)
        reverse_of = _reverse(saved.kernels, saved.stack, saved.channels, own)
        parts = _each(reverse_of, pieces, saved.threads)
        total = parts[0]
        for part in parts[1:]:
            total += part
        gradient[group, : saved.stack.size] = total
    return gradient


def groups(stack: Stack, channels: Channels, parameters: Tensor, points: int) -> list[slice]:
    """Members that go together: all where stacking pays, else each alone."""
    widest = max(stack.widths)
    work = channels.count * min(points, CHUNK) * widest * widest
    if parameters.is_cuda or work < STACK_BELOW:
        return [slice(None)]
    return [slice(member, member + 1) for member in range(parameters.shape[0])]


def _forward(
    kernels: composed.Kernels, stack: Stack, channels: Channels, parameters: Tensor, keep: bool
) -> Callable[[Tensor], tuple[Tensor, Kept]]:
    if _composed(stack):
        return lambda points: composed.forward(kernels, stack, channels, parameters, points, keep)
    return lambda points: chunk.forward(stack, channels, parameters, points, keep)


def _reverse(
    kernels: composed.Kernels, stack: Stack, channels: Channels, parameters: Tensor
) -> Callable[[tuple[Any, Tensor]], Tensor]:
    if _composed(stack):
        return lambda piece: composed.reverse(kernels, stack, channels, parameters, *piece)
    return lambda piece: chunk.reverse(stack, channels, parameters, *piece)


def _composed(stack: Stack) -> bool:
    return stack.gates != "none" or stack.features is not None


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
