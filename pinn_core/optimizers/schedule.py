"""Learning-rate schedules that optimizers share."""

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least
from pinn_core.tensors import Tensor


def check_decay(decay: float, decay_steps: int) -> None:
    """Raise ``ValueError`` unless 0 < decay and decay_steps >= 1."""
    above(0, decay=decay)
    at_least(1, decay_steps=decay_steps)


def decayed(
    rate: Float[Tensor, "m 1"], decay: float, decay_steps: int, step: int | Int[Tensor, ""]
) -> Float[Tensor, "m 1"]:
    """Learning rates at ``step``: rate * decay^(step / decay_steps), continuously.

    Wang, Teng and Perdikaris 2021 use 0.9 per 1000 steps. A decay of 1 leaves the very tensor.
    ``step`` may be a tensor on the device, so that a captured step can be replayed.
    """
    if decay == 1:
        return rate
    at = step.double() if isinstance(step, Tensor) else step
    return rate * decay ** (at / decay_steps)
