"""AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2)."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.optimizers.adam import Adam
from pinn_core.optimizers.optimizer import OPTIMIZERS, Settings
from pinn_core.tensors import Tensor


@OPTIMIZERS.register("adamw", numerics=2)
@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam's step, and every parameter smaller by lr * weight_decay of itself.

    The decay is no part of the gradient, so the moments do not see it. The learning rate at a step
    is learning_rate * decay^(step / decay_steps), for both parts, as in ``torch.optim.AdamW`` with
    a scheduler.

    When to use: Where weights shall stay small.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate", "weight_decay"})

    weight_decay: float = 0.01
    """The share of itself that a parameter loses in a step, times the learning rate."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(0, weight_decay=self.weight_decay)

    def shrinks(self, settings: Settings, rate: Float[Tensor, "m 1"]) -> Float[Tensor, "m 1"]:
        """Lr * weight_decay; each member has its own of both."""
        return rate * settings["weight_decay"]
