"""Gradient descent without momentum (Cauchy 1847), on the flat parameters of a pack."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least
from pinn_core.optimizers.optimizer import OPTIMIZERS, Optimizer, Settings, State, StepContext
from pinn_core.optimizers.schedule import check_decay, decayed
from pinn_core.tensors import Tensor


@OPTIMIZERS.register("gradient_descent")
@dataclass(frozen=True, kw_only=True)
class GradientDescent(Optimizer):
    """theta <- theta - lr grad; on a quadratic it is stable while lr < 2 / (largest eigenvalue).

    The learning rate at a step is learning_rate * decay^(step / decay_steps).

    When to use: To compare a training with theory: its stability limit shows the largest eigenvalue
    of the Hessian.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    synchronizes: ClassVar[bool] = False

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 1e-3
    """Size of a step, before the decay."""
    decay: float = 1.0
    """Factor of the learning rate after every ``decay_steps`` updates; 1 keeps it constant."""
    decay_steps: int = 1000
    """How many updates it takes until the learning rate has been multiplied by ``decay``."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)
        above(0, learning_rate=self.learning_rate)
        check_decay(self.decay, self.decay_steps)

    def start(self, parameters: Float[Tensor, "m p"]) -> State:  # noqa: ARG002
        """Nothing to remember."""
        return {}

    def update(
        self,
        settings: Settings,
        state: State,  # noqa: ARG002
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",  # noqa: ARG002
    ) -> Float[Tensor, "m p"]:
        """Down the gradient; each member has its own learning rate."""
        rate = decayed(settings["learning_rate"], self.decay, self.decay_steps, step)
        return context.gradient * -rate
