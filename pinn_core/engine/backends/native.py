"""The native backend: the whole propagation in C++ (``cpp/``), for CPUs, float32 and float64."""

import ctypes
import weakref
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends import library
from pinn_core.engine.backends.modules import ModuleStack
from pinn_core.engine.backends.spare import Spare
from pinn_core.engine.features import Features, Wave
from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor, torch

ACTIVATION_CODES = ("tanh", "sin", "gelu", "silu", "softplus")
"""The order of ``ActivationCode`` in cpp/activations.hpp."""
WAVE_CODES: tuple[Wave, ...] = ("identity", "cos", "sin")
"""The order of ``WaveCode`` in cpp/plan.hpp."""


class _Job(ctypes.Structure):
    """``Job`` in cpp/plan.hpp."""

    _fields_ = (
        ("activation", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("layers", ctypes.c_int32),
        ("slopes", ctypes.c_int32),
        ("operators", ctypes.c_int32),
        ("shared_points", ctypes.c_int32),
        ("first_gate", ctypes.c_int32),
        ("base_encoder", ctypes.c_int32),
        ("members", ctypes.c_int64),
        ("parameters", ctypes.c_int64),
        ("points", ctypes.c_int64),
        ("widths", ctypes.POINTER(ctypes.c_int64)),
        ("axes", ctypes.POINTER(ctypes.c_int64)),
        ("drift", ctypes.POINTER(ctypes.c_double)),
        ("zeroth", ctypes.POINTER(ctypes.c_double)),
        ("diffusion", ctypes.POINTER(ctypes.c_double)),
        ("directions", ctypes.POINTER(ctypes.c_double)),
        ("phases", ctypes.POINTER(ctypes.c_double)),
        ("waves", ctypes.POINTER(ctypes.c_int32)),
    )


class _Plan:
    """``Plan`` of cpp/plan.hpp, made once for all calls of one kind, and its functions."""

    def __init__(
        self,
        stack: Stack,
        channels: Channels,
        parameters: "torch.Size",
        points: "torch.Size",
        precision: "torch.dtype",
        threads: int,
        keep: bool,
    ) -> None:
        members, count = parameters[0], points[1]
        self.outputs = (members, 1 + len(channels.operators), count, stack.widths[-1])
        self.empty = 0 in self.outputs
        self.forward = library.function("forward", precision)
        self.reverse = library.function("reverse", precision)
        job = _job(stack, channels, parameters, points, threads)
        self.handle = library.function("plan", precision)(ctypes.byref(job), keep)
        if not self.handle:
            raise MemoryError("no memory for the plan of a native call, or an unknown activation")
        weakref.finalize(self, library.function("free", precision), self.handle)
        self.kept: int = library.function("kept", precision)(self.handle) if keep else 0


plan_of = lru_cache(maxsize=256)(_Plan)
"""A call's plan, made once for all calls of one kind."""


class Saved:
    """What the way back needs: the call as it was, and what every layer kept."""

    __slots__ = ("kept", "parameters", "plan", "points")

    def __init__(
        self, plan: _Plan, parameters: Tensor, points: Tensor, kept: Tensor | None
    ) -> None:
        self.plan = plan
        self.parameters = parameters
        self.points = points
        self.kept = kept

    def __del__(self) -> None:
        if self.kept is not None:
            _spare.give(self.kept)


_spare = Spare()


def obstacle(stack: Stack, parameters: Tensor) -> str | None:
    """Why this backend cannot serve, or None if it can."""
    if isinstance(stack, ModuleStack):
        return f"it does not know the module {type(stack.module).__name__}"
    if stack.activation not in codes():
        return f"it does not know the activation {stack.activation.__name__}"
    return library.obstacle(parameters)


adds_zeroth = True


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    threads: int,
    keep: bool,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k), and, if ``keep``, what the way back needs."""
    parameters, points = parameters.contiguous(), points.contiguous()
    precision = parameters.dtype
    if points.dtype is not precision:
        points = points.to(precision)
    plan = plan_of(stack, channels, parameters.shape, points.shape, precision, threads, keep)
    outputs = parameters.new_empty(*plan.outputs)
    if plan.empty:
        return outputs, Saved(plan, parameters, points, None)
    kept = _spare.take(plan.kept, parameters) if keep else None
    answer = plan.forward(
        plan.handle,
        parameters.data_ptr(),
        points.data_ptr(),
        outputs.data_ptr(),
        kept.data_ptr() if kept is not None else None,
    )
    library.refuse(answer, "forward")
    return outputs, Saved(plan, parameters, points, kept)


def reverse(saved: Saved, adjoint: Tensor) -> Tensor:
    """Gradient (m, P) of sum(outputs * adjoint) with respect to the parameters."""
    if saved.kept is None:
        return torch.zeros_like(saved.parameters)
    adjoint = adjoint.contiguous()
    gradient = torch.empty_like(saved.parameters)
    answer = saved.plan.reverse(
        saved.plan.handle,
        saved.parameters.data_ptr(),
        saved.points.data_ptr(),
        saved.kept.data_ptr(),
        adjoint.data_ptr(),
        gradient.data_ptr(),
    )
    library.refuse(answer, "reverse")
    return gradient


def _job(
    stack: Stack, channels: Channels, parameters: "torch.Size", points: "torch.Size", threads: int
) -> _Job:
    slopes, operators = len(channels.slopes), len(channels.operators)
    drift = [0.0] * (operators * channels.dimension)
    for row, op in enumerate(channels.operators):
        for axis, value in op.first.items():
            drift[row * channels.dimension + axis] += value
    table, features = diffusion(channels), stack.features
    widths = stack.widths if features is None else (channels.dimension, *stack.widths)
    return _Job(
        activation=codes()[stack.activation],
        threads=threads,
        layers=len(widths) - 1,
        slopes=slopes,
        operators=operators,
        shared_points=points[0] == 1,
        first_gate=-1 if stack.first_gate is None else stack.first_gate,
        base_encoder=stack.base_encoder,
        members=parameters[0],
        parameters=parameters[1],
        points=points[1],
        widths=(ctypes.c_int64 * len(widths))(*widths),
        axes=(ctypes.c_int64 * slopes)(*channels.slopes),
        drift=(ctypes.c_double * len(drift))(*drift),
        zeroth=(ctypes.c_double * operators)(*(op.zeroth for op in channels.operators)),
        diffusion=(ctypes.c_double * len(table))(*table),
        **({} if features is None else _of_features(features)),
    )


def _of_features(features: Features) -> dict[str, Any]:
    """What a job says of input features; without it they are none."""
    directions = [number for direction in features.directions for number in direction]
    waves = [WAVE_CODES.index(wave) for wave in features.waves]
    return {
        "directions": (ctypes.c_double * len(directions))(*directions),
        "phases": (ctypes.c_double * features.count)(*features.phases),
        "waves": (ctypes.c_int32 * features.count)(*waves),
    }


def diffusion(channels: Channels) -> list[float]:
    """Second-order coefficients A_ij (operators x slopes x slopes), flat."""
    slopes = len(channels.slopes)
    table = [0.0] * (len(channels.operators) * slopes * slopes)
    for row, entries in enumerate(channels.diffusion()):
        for left, right, value in entries:
            table[(row * slopes + left) * slopes + right] += value
    return table


@cache
def codes() -> dict[Callable[[Tensor, int], tuple[Tensor, ...]], int]:
    """What C++ calls the activations that it knows."""
    return {ACTIVATIONS[name]: code for code, name in enumerate(ACTIVATION_CODES)}
