"""Backends of the derivative engine: each carries a pack's points forward and back.

``eager`` is plain torch, for any device; ``native`` is C++ for CPUs, built at first use. The
choice is ``auto`` (native on a CPU where it can be built, else eager), or a name; where it is
``auto``, the environment variable PINN_BACKEND may name one.

The name also says how ``pinn_core.vectors`` makes rows and squares. ``third_order`` carries
operators of order three for both; ``modules`` are for networks that are torch modules.
"""

import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from pinn_core.engine.backends import eager, library, modules, native, third_order
from pinn_core.engine.backends.modules import ModuleStack
from pinn_core.engine.operators import Channels, Operator
from pinn_core.engine.stack import Stack
from pinn_core.parts import UnknownName
from pinn_core.tensors import Tensor

CHOICES = ("auto", "eager", "native")
VARIABLE = "PINN_BACKEND"

logger = logging.getLogger(__name__)


@runtime_checkable
class Backend(Protocol):
    """The contract of the modules ``eager``, ``native`` and ``third_order``."""

    adds_zeroth: bool
    """Whether operators have their multiple of the value; else the caller adds it."""

    def forward(
        self,
        stack: Stack,
        channels: Channels,
        parameters: Tensor,
        points: Tensor,
        threads: int,
        keep: bool,
    ) -> tuple[Tensor, Any]:
        """Outputs (m, 1 + operators, n, k) for parameters (m, P) and points (m or 1, n, d).

        Also returns what ``reverse`` needs; that may be anything unless ``keep``.
        """

    def reverse(self, saved: Any, adjoint: Tensor) -> Tensor:  # noqa: ANN401
        """Gradient (m, P) of sum(outputs * adjoint) with respect to the parameters."""


def choose(
    wanted: str, stack: Stack, parameters: Tensor, operators: Sequence[Operator] = ()
) -> Backend:
    """The backend for a stack, operators and the device and precision of the parameters.

    Raises ``UnknownName`` for a name that is none, ``RuntimeError`` where ``native`` was named and
    cannot serve.
    """
    if isinstance(stack, ModuleStack):
        return modules
    name = settled(wanted, stack, parameters)
    if any(op.third for op in operators):
        return third_order
    return eager if name == "eager" else native


def settled(wanted: str, stack: Stack, like: Tensor) -> str:
    """``eager`` or ``native``: what ``wanted`` means here, to be named from then on.

    Raises as ``choose`` does.
    """
    name = requested(wanted)
    if name == "eager" or (name == "auto" and like.device.type != "cpu"):
        return "eager"
    obstacle = native.obstacle(stack, like)
    if obstacle is None:
        return "native"
    if name == "native":
        raise RuntimeError(f"backend 'native' cannot serve: {obstacle}")
    _say_once(obstacle)
    return "eager"


def serves_natively(like: Tensor, wanted: str) -> bool:
    """Whether what is done to such tensors besides propagation is done in C++.

    Raises ``RuntimeError`` where ``native`` was named and cannot serve.
    """
    name = requested(wanted)
    if name == "eager":
        return False
    obstacle = library.obstacle(like)
    if obstacle and wanted == "native":
        raise RuntimeError(f"backend 'native' cannot serve: {obstacle}")
    return obstacle is None


def requested(wanted: str) -> str:
    """``wanted``, or for ``auto`` what the environment names."""
    name = (os.environ.get(VARIABLE) or "auto") if wanted == "auto" else wanted
    if name not in CHOICES:
        raise UnknownName("backend", name, CHOICES)
    return name


def identity(wanted: str, device: str) -> str:
    """Name of the backend that ``wanted`` means on a device, with what its bits depend on."""
    name = requested(wanted)
    if name == "eager" or (name == "auto" and device != "cpu") or library.missing():
        return "eager"
    return library.identity()


@lru_cache
def _say_once(obstacle: str) -> None:
    logger.warning("The eager backend serves, slower than the native one: %s", obstacle)
