"""Adam (Kingma and Ba 2015, algorithm 1) on the flat parameters of a pack."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pinn_core.checks import above, at_least, below
from pinn_core.optimizers.optimizer import OPTIMIZERS, Descent, Settings, State
from pinn_core.optimizers.schedule import check_decay, decayed
from pinn_core.rows import adam


@OPTIMIZERS.register("adam")
@dataclass(frozen=True, kw_only=True)
class Adam:
    """theta <- theta - lr m_hat / (sqrt(v_hat) + epsilon), with bias-corrected moments.

    The learning rate at a step is learning_rate * decay^(step / decay_steps).
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    searches: ClassVar[bool] = False
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    steps: int = 1000
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    decay: float = 1.0
    decay_steps: int = 1000

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)
        above(0, learning_rate=self.learning_rate, epsilon=self.epsilon)
        at_least(0, beta1=self.beta1, beta2=self.beta2)
        below(1, beta1=self.beta1, beta2=self.beta2)
        check_decay(self.decay, self.decay_steps)

    def start(self, parameters: Float[Tensor, "m p"]) -> State:
        """Both moments at zero."""
        return {
            "first": torch.zeros_like(parameters),
            "second": torch.zeros_like(parameters),
        }

    def update(
        self,
        settings: Settings,
        state: State,
        descent: Descent,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """The step that Adam adds; each member has its own learning rate."""
        return adam(
            descent.gradient,
            state["first"],
            state["second"],
            decayed(settings["learning_rate"], self.decay, self.decay_steps, step),
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            step=step,
            backend=backend,
        )
