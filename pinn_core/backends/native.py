"""The native backend: the whole propagation in C++ (``cpp/``), for CPUs, float32 and float64."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from pinn_core.activations import ACTIVATIONS
from pinn_core.backends import library
from pinn_core.backends.spare import Spare
from pinn_core.operators import Channels
from pinn_core.stack import Stack

ACTIVATION_CODES = ("tanh", "sin", "gelu", "silu", "softplus")
"""The order of ``ActivationCode`` in cpp/jets.hpp."""


class _Job(ctypes.Structure):
    """``Job`` in cpp/plan.hpp."""

    _fields_ = (
        ("activation", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("layers", ctypes.c_int32),
        ("slopes", ctypes.c_int32),
        ("operators", ctypes.c_int32),
        ("shared_points", ctypes.c_int32),
        ("members", ctypes.c_int64),
        ("parameters", ctypes.c_int64),
        ("points", ctypes.c_int64),
        ("widths", ctypes.POINTER(ctypes.c_int64)),
        ("axes", ctypes.POINTER(ctypes.c_int64)),
        ("drift", ctypes.POINTER(ctypes.c_double)),
        ("diffusion", ctypes.POINTER(ctypes.c_double)),
    )


@dataclass(frozen=True)
class Saved:
    """What the way back needs: the call as it was, and what every layer kept."""

    job: _Job
    parameters: Tensor
    points: Tensor
    kept: Tensor | None

    def __del__(self) -> None:
        if self.kept is not None:
            _spare.give(self.kept)


_spare = Spare()


def obstacle(stack: Stack, parameters: Tensor) -> str | None:
    """Why this backend cannot serve, or None if it can."""
    if stack.activation not in _codes():
        return f"it does not know the activation {stack.activation.__name__}"
    return library.obstacle(parameters)


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    threads: int,
    keep: bool,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k), and, if ``keep``, what the way back needs."""
    parameters, points = parameters.contiguous(), points.to(parameters.dtype).contiguous()
    job = _job(stack, channels, parameters, points, threads)
    outputs = parameters.new_empty(
        parameters.shape[0], 1 + job.operators, points.shape[1], stack.widths[-1]
    )
    kept = None
    if outputs.numel():
        if keep:
            kept = _spare.take(
                library.function("kept", parameters.dtype)(ctypes.byref(job)), parameters
            )
        _call("forward", job, parameters, points, outputs, kept)
    return outputs, Saved(job, parameters, points, kept)


def reverse(saved: Saved, adjoint: Tensor) -> Tensor:
    """Gradient (m, P) of sum(outputs * adjoint) with respect to the parameters."""
    gradient = torch.zeros_like(saved.parameters)
    if saved.kept is not None:
        _call(
            "reverse",
            saved.job,
            saved.parameters,
            saved.points,
            saved.kept,
            adjoint.contiguous(),
            gradient,
        )
    return gradient


def _job(
    stack: Stack, channels: Channels, parameters: Tensor, points: Tensor, threads: int
) -> _Job:
    slopes, operators = len(channels.slopes), len(channels.operators)
    drift = [0.0] * (operators * channels.dimension)
    diffusion = [0.0] * (operators * slopes * slopes)
    for row, (op, entries) in enumerate(zip(channels.operators, channels.diffusion(), strict=True)):
        for axis, value in op.first.items():
            drift[row * channels.dimension + axis] += value
        for left, right, value in entries:
            diffusion[(row * slopes + left) * slopes + right] += value
    return _Job(
        activation=_codes()[stack.activation],
        threads=threads,
        layers=len(stack.shapes),
        slopes=slopes,
        operators=operators,
        shared_points=points.shape[0] == 1,
        members=parameters.shape[0],
        parameters=parameters.shape[1],
        points=points.shape[1],
        widths=(ctypes.c_int64 * len(stack.widths))(*stack.widths),
        axes=(ctypes.c_int64 * slopes)(*channels.slopes),
        drift=(ctypes.c_double * len(drift))(*drift),
        diffusion=(ctypes.c_double * len(diffusion))(*diffusion),
    )


def _call(name: str, job: _Job, like: Tensor, *tensors: Tensor | None) -> None:
    pointers = [None if t is None else t.data_ptr() for t in (like, *tensors)]
    if library.function(name, like.dtype)(ctypes.byref(job), *pointers):
        raise MemoryError(f"native {name} ran out of memory")


@cache
def _codes() -> dict[Callable[[Tensor, int], tuple[Tensor, ...]], int]:
    return {ACTIVATIONS[name]: code for code, name in enumerate(ACTIVATION_CODES)}
