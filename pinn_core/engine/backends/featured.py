"""Input features before gates, natively: torch's matrix products, C++ between them."""

from pinn_core.engine.backends import eager, native_jets
from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor

Saved = eager.Saved
reverse = eager.reverse


adds_zeroth = False


def forward(
    stack: Stack,
    channels: Channels,
    parameters: Tensor,
    points: Tensor,
    threads: int,
    keep: bool,
) -> tuple[Tensor, Saved]:
    """Outputs (m, 1 + operators, n, k), and, if ``keep``, what the way back needs."""
    return eager.forward(stack, channels, parameters, points, threads, keep, native_jets)
