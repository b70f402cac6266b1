"""AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2)."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import at_least
from pinn_core.optimizers.adam import Adam
from pinn_core.optimizers.optimizer import OPTIMIZERS, Settings, State, StepContext
from pinn_core.optimizers.schedule import decayed
from pinn_core.tensors import Tensor


@OPTIMIZERS.register("adamw")
@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam's step, and every parameter smaller by lr * weight_decay of itself.

    The decay is no part of the gradient, so the moments do not see it. The learning rate at a step
    is learning_rate * decay^(step / decay_steps), for both parts, as in ``torch.optim.AdamW`` with
    a scheduler.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate", "weight_decay"})

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(0, weight_decay=self.weight_decay)

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """Adam's step and the decay; each member has its own rates of both."""
        rate = decayed(settings["learning_rate"], self.decay, self.decay_steps, step)
        shrinking = context.parameters * (rate * settings["weight_decay"])
        return super().update(settings, state, context, step, backend) - shrinking
