"""The compiled library: loaded once, its functions with their types."""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pinn_core.engine.backends import build
from pinn_core.tensors import Tensor, torch

_POINTER, _COUNT = ctypes.c_void_p, ctypes.c_int64
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "plan": (_POINTER, ctypes.c_int),
    "free": (_POINTER,),
    "kept": (_POINTER,),
    "forward": (_POINTER,) * 5,
    "reverse": (_POINTER,) * 6,
    "activate": (_POINTER,) * 3,
    "activate_reverse": (_POINTER, _POINTER, _POINTER, _COUNT, _POINTER),
    "gate": (_POINTER,) * 5,
    "gate_reverse": (_POINTER,) * 4,
    "adam": (*(_POINTER,) * 7, _COUNT, _COUNT, _POINTER),
    "weighted_sum": (_POINTER, _POINTER, _COUNT, _COUNT, _COUNT, _POINTER),
    "dots": (_POINTER, _COUNT, _COUNT, _COUNT, _POINTER),
    "misfit": (*(_POINTER,) * 3, *(_COUNT,) * 5, _POINTER, _POINTER),
    "polynomial_values": (_POINTER, _POINTER, _POINTER, *(_COUNT,) * 5, _POINTER),
    "polynomial_adjoint": (_POINTER, _POINTER, _POINTER, *(_COUNT,) * 5, _POINTER, _POINTER),
    "steps": (_POINTER,),
    "evaluate": (_POINTER,),
    "squares": (_POINTER, _POINTER, _POINTER, _COUNT, _COUNT, _COUNT, _POINTER),
}
_RESULTS: dict[str, Any] = {
    "plan": _POINTER,
    "kept": _COUNT,
    "forward": ctypes.c_int,
    "reverse": ctypes.c_int,
    "activate": ctypes.c_int,
    "activate_reverse": ctypes.c_int,
    "polynomial_values": ctypes.c_int,
    "polynomial_adjoint": ctypes.c_int,
    "steps": ctypes.c_int,
    "evaluate": ctypes.c_int,
}
NO_MEMORY, UNKNOWN = 1, 2
"""Of ``Answer`` in cpp/native.cpp, what is not 0."""


@cache
def missing() -> str | None:
    """Why there is no library, or None if there is one."""
    try:
        _built()
    except build.BuildError as error:
        return str(error)
    return None


def obstacle(like: Tensor) -> str | None:
    """Why it cannot serve for this device and precision, or None if it can."""
    if not like.is_cpu:
        return f"it runs on CPUs, not on {like.device.type}"
    if like.dtype not in _precisions():
        return f"it has float32 and float64, not {like.dtype}"
    return missing()


def identity() -> str:
    """What the library's bits depend on: source, flags, compiler and CPU."""
    return f"native {_built().key}"


def file() -> Path:
    """Where the library lies. Raises ``build.BuildError``."""
    return _built().file


@cache
def function(name: str, precision: "torch.dtype") -> Callable[..., Any]:
    """A function of cpp/native.cpp for one precision. Raises ``build.BuildError``."""
    found = getattr(_built().functions, f"pinn_{name}_{_precisions()[precision]}")
    found.argtypes = _ARGUMENTS[name]
    found.restype = _RESULTS.get(name)
    typed: Callable[..., Any] = found
    return typed


def refuse(answer: int, name: str) -> None:
    """Raise what a function's ``answer`` says went wrong, if anything did."""
    if answer == UNKNOWN:
        raise ValueError(f"native {name} does not know this activation's code")
    if answer:
        raise MemoryError(f"native {name} ran out of memory")


@cache
def _precisions() -> dict["torch.dtype", str]:
    return {torch.float32: "float", torch.float64: "double"}


@cache
def _built() -> build.Built:
    return build.load()
