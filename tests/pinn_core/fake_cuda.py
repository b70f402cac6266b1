"""A CUDA device without a GPU: tensors that have a device, a shape and a precision, and no numbers.

Whatever asks such a tensor for a number raises, and so does an operation on tensors of two devices.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from tests.pinn_core.tape import tensors

DEVICE = "cuda:0"
CUDA, META = 1, 14
"""Numbers of kinds of devices in c10/core/DeviceType.h."""


@contextmanager
def fake_cuda() -> Iterator[None]:
    """Within, every new tensor is fake, on the CPU or on ``DEVICE``; skips where none can be."""
    with _guarded(), FakeTensorMode():
        yield


@contextmanager
def _guarded() -> Iterator[None]:
    """Indexing asks the device's guard to switch to the device, and a CPU build of torch has none.

    That of the meta device, which switches nothing, stands in.
    """
    if torch.version.cuda:
        yield  # fake tensors see to it
        return
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).with_name("lib") / "libc10.so"))
        name = "_ZN3c104impl26device_guard_impl_registryE"
        guards = (ctypes.c_void_p * (META + 1)).in_dll(library, name)
    except (OSError, ValueError) as error:
        pytest.skip(f"this build of torch has no guards to borrow: {error}")
    before, guards[CUDA] = guards[CUDA], guards[META]
    try:
        yield
    finally:
        guards[CUDA] = before


class OnTheDevice(TorchDispatchMode):
    """Raises where an operation takes or makes a tensor that is not on ``DEVICE``."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        for one in tensors((args, kwargs, results)):
            if str(one.device) != DEVICE:
                raise AssertionError(f"{func} with a tensor on {one.device}")
        return results
