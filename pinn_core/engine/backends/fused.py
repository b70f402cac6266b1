"""The activations' elementwise functions as one kernel each on a GPU.

``torch.compile`` makes it at first use, for any number of members and points, and keeps it on disk
for the next process. Where that fails, for want of a compiler say, plain torch serves, slower.
"""

import logging
from collections.abc import Callable
from typing import Any

from pinn_core.engine.backends import jets
from pinn_core.tensors import Tensor, torch

VARIANTS = 256
"""Kernels of one function at most: activations, channels, layers with and without slopes."""

logger = logging.getLogger(__name__)


class Fused:
    """A function whose first argument is a tensor: compiled where that is on a GPU."""

    def __init__(self, function: Callable[..., Tensor], backend: str = "inductor") -> None:
        self._function, self._backend = function, backend
        self._compiled: Callable[..., Tensor] | None = None
        self._failed = False

    def __call__(self, *arguments: Any) -> Tensor:  # noqa: ANN401
        """The function's result."""
        if self._failed or not arguments[0].is_cuda:
            return self._function(*arguments)
        try:
            return self.compiled(*arguments)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever the compiler, its compiler or its driver raise
            self._failed = True
            reason = str(error).strip().partition("\n")[0]
            logger.warning("No fused kernel for %s, plain torch serves: %s", self.name, reason)
            return self._function(*arguments)

    @property
    def compiles(self) -> bool:
        """Whether nothing has gone wrong so far."""
        return not self._failed

    @property
    def name(self) -> str:
        """The function's name."""
        return self._function.__name__

    @property
    def compiled(self) -> Callable[..., Tensor]:
        """The function compiled, whatever the device."""
        if self._compiled is None:
            limits = torch._dynamo.config  # the torch.compile of 2.11 does not take it itself
            limits.recompile_limit = max(VARIANTS, limits.recompile_limit)
            self._compiled = torch.compile(
                self._function, fullgraph=True, dynamic=True, backend=self._backend
            )
        return self._compiled


activate, activate_reverse = Fused(jets.activate), Fused(jets.activate_reverse)
gate, gate_reverse = Fused(jets.gate), Fused(jets.gate_reverse)
