"""Activations and gates of all channels in C++ (``cpp/gates.hpp``): the counterpart of ``jets``.

For networks whose matrix products torch makes, in the layout (m, channels, n, width); the number of
points is a multiple of ``LANES``, as ``eager`` pads it.
"""

import ctypes
from functools import lru_cache

from pinn_core.engine.backends import library
from pinn_core.engine.backends.jets import Activation
from pinn_core.engine.backends.native import codes, diffusion
from pinn_core.engine.operators import Channels
from pinn_core.tensors import Tensor, torch

ALIGNED = 64
"""Bytes to whose multiples the tables are aligned."""


class _Shape(ctypes.Structure):
    """``Shape`` in cpp/native.cpp."""

    _fields_ = (
        ("activation", ctypes.c_int32),
        ("slopes", ctypes.c_int32),
        ("operators", ctypes.c_int32),
        ("with_slopes", ctypes.c_int32),
        ("members", ctypes.c_int64),
        ("size", ctypes.c_int64),
        ("diffusion", ctypes.POINTER(ctypes.c_double)),
    )


def activate(z: Tensor, activation: Activation, channels: Channels, slopes: bool) -> Tensor:
    """Channels after the activation; without slopes where they are not wanted."""
    z = _aligned(z)
    kept = channels.count if slopes else 1 + len(channels.operators)
    after = z.new_empty(z.shape[0], kept, *z.shape[2:])
    shape = _shape(channels, z.shape, codes()[activation], slopes)
    _call("activate", z.dtype, shape, z.data_ptr(), after.data_ptr())
    return after


def activate_reverse(
    z: Tensor, back: Tensor, activation: Activation, channels: Channels, slopes: bool
) -> Tensor:
    """Adjoints before the activation from those after it."""
    z, back = _aligned(z), _aligned(back)
    adjoint = torch.empty_like(z)
    shape = _shape(channels, z.shape, codes()[activation], slopes)
    rows = back.shape[1]
    pointers = z.data_ptr(), back.data_ptr(), rows, adjoint.data_ptr()
    _call("activate_reverse", z.dtype, shape, *pointers)
    return adjoint


def gate(inside: Tensor, swing: Tensor, base: Tensor, channels: Channels) -> Tensor:
    """Channels of inside * swing + base, all three with all channels."""
    inside, swing, base = _aligned(inside), _aligned(swing), _aligned(base)
    after = torch.empty_like(inside)
    pointers = [table.data_ptr() for table in (inside, swing, base, after)]
    _call("gate", inside.dtype, _shape(channels, inside.shape), *pointers)
    return after


def gate_reverse(back: Tensor, other: Tensor, channels: Channels) -> Tensor:
    """Adjoint of one factor of a product from the product's and the other factor."""
    back, other = _aligned(back), _aligned(other)
    adjoint = torch.empty_like(back)
    pointers = [table.data_ptr() for table in (back, other, adjoint)]
    _call("gate_reverse", back.dtype, _shape(channels, back.shape), *pointers)
    return adjoint


def _call(name: str, precision: "torch.dtype", shape: _Shape, *arguments: int) -> None:
    answer = library.function(name, precision)(ctypes.byref(shape), *arguments)
    library.refuse(answer or 0, name)


@lru_cache(maxsize=256)
def _shape(
    channels: Channels, shape: "torch.Size", activation: int = 0, slopes: bool = True
) -> _Shape:
    table = diffusion(channels)
    return _Shape(
        activation=activation,
        slopes=len(channels.slopes),
        operators=len(channels.operators),
        with_slopes=slopes,
        members=shape[0],
        size=shape[2] * shape[3],
        diffusion=(ctypes.c_double * len(table))(*table),
    )


def _aligned(table: Tensor) -> Tensor:
    table = table.contiguous()
    return table.clone() if table.data_ptr() % ALIGNED else table
