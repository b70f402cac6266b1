"""Adam (Kingma and Ba 2015, algorithm 1) on the flat parameters of a pack."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, below
from pinn_core.engine.precision import bytes_of
from pinn_core.optimizers.optimizer import (
    OPTIMIZERS,
    AdamAhead,
    Optimizer,
    Settings,
    State,
    StepContext,
)
from pinn_core.optimizers.schedule import check_decay, decayed
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import adam, corrections


@OPTIMIZERS.register("adam")
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """theta <- theta - lr m_hat / (sqrt(v_hat) + epsilon), with bias-corrected moments.

    The learning rate at a step is learning_rate * decay^(step / decay_steps).

    When to use: The default for every first phase. It also serves where points are drawn anew in
    every step.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    has_metric: ClassVar[bool] = True
    synchronizes: ClassVar[bool] = False

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 1e-3
    """Size of a step, before the decay."""
    beta1: float = 0.9
    """Share of the old running mean of the gradient in the new one."""
    beta2: float = 0.999
    """Share of the old running mean of the squared gradient in the new one."""
    epsilon: float = 1e-8
    """Added to the root in the denominator, so that it is never zero."""
    decay: float = 1.0
    """Factor of the learning rate after every ``decay_steps`` updates; 1 keeps it constant."""
    decay_steps: int = 1000
    """How many updates it takes until the learning rate has been multiplied by ``decay``."""

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

    def state_bytes(self, size: int, precision: str) -> int:
        """Of two moments of every parameter."""
        return 2 * size * bytes_of(precision)

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """The step that Adam adds; each member has its own learning rate."""
        rate = decayed(settings["learning_rate"], self.decay, self.decay_steps, step)
        shrinks = self.shrinks(settings, rate)
        return adam(
            context.gradient,
            state["first"],
            state["second"],
            rate,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            step=step,
            backend=backend,
            decay=None if shrinks is None else (context.parameters, shrinks),
        )

    def shrinks(
        self,
        settings: Settings,  # noqa: ARG002
        rate: Float[Tensor, "m 1"],  # noqa: ARG002
    ) -> Float[Tensor, "m 1"] | None:
        """What part of the parameters a step takes away, besides what Adam adds."""
        return None

    def ahead(self, settings: Settings, first: int, count: int) -> AdamAhead | None:
        """Rates, shares of the decay and corrections of the moments.

        None for an optimizer that is made of this one and has an update of its own.
        """
        if type(self).update is not Adam.update:
            return None
        steps = range(first, first + count)
        rates = [
            decayed(settings["learning_rate"], self.decay, self.decay_steps, step)
            for step in (steps if self.decay != 1 else steps[:1])
        ]
        taken = [self.shrinks(settings, rate) for rate in rates]
        shrinks = [each for each in taken if each is not None]
        return AdamAhead(
            _by_step(rates, count),
            _by_step(shrinks, count) if shrinks else None,
            [corrections(self.beta1, self.beta2, step) for step in steps],
            self.beta1,
            self.beta2,
            self.epsilon,
        )

    def precondition(
        self,
        settings: Settings,
        state: State,
        context: StepContext,  # noqa: ARG002
        vector: Float[Tensor, "m p"],
        step: int | Int[Tensor, ""],
    ) -> Float[Tensor, "m p"]:
        """``vector`` times lr / (sqrt(v_hat) + epsilon), in float64."""
        rate = decayed(settings["learning_rate"], self.decay, self.decay_steps, step)
        return vector * (rate.double() / root(state, self.beta2, self.epsilon, step))

    def follow(
        self,
        state: State,
        context: StepContext,
        change: Float[Tensor, "m p"],
        step: int | Int[Tensor, ""],
        shares: tuple[Float[Tensor, "m 1"], Float[Tensor, "m 1"]],
    ) -> None:
        """Towards the moments that ``gradient + moved / (1 - beta1)`` would have led to.

        ``moved`` is what the first moment has to change by for its average to change by ``change``.
        """
        move(state, context.gradient, change, step, shares, (self.beta1, self.beta2))


def _by_step(numbers: list[Tensor], count: int) -> Float[Tensor, "s m"]:
    """Numbers (m, 1) of every step as one table; one tensor alone serves all of them."""
    table = torch.cat(numbers, dim=1).T
    return table.expand(count, -1).contiguous()


def root(
    state: State, beta2: float, epsilon: float, step: int | Int[Tensor, ""]
) -> Float[Tensor, "m p"]:
    """sqrt(v_hat) + epsilon, in float64: what Adam divides by."""
    return (state["second"].double() / _correction(beta2, step)).sqrt_().add_(epsilon)


def move(
    state: State,
    gradient: Float[Tensor, "m p"],
    change: Float[Tensor, "m p"],
    step: int | Int[Tensor, ""],
    shares: tuple[Float[Tensor, "m 1"], Float[Tensor, "m 1"]],
    betas: tuple[float, float],
) -> None:
    """What ``Adam.follow`` does to the moments that ``gradient`` led to."""
    moved = change * _correction(betas[0], step)
    lead = moved / (1 - betas[0])
    # (g + lead)^2 - g^2, without the difference of two large squares
    risen = (1 - betas[1]) * lead * (2 * gradient.double() + lead)
    state["first"].copy_(state["first"] + shares[0] * moved)
    state["second"].copy_((state["second"] + shares[1] * risen).clamp_min_(0.0))


def _correction(beta: float, step: int | Tensor) -> float | Tensor:
    """What an average of so many steps and one more is divided by."""
    count = (step.double() if isinstance(step, Tensor) else step) + 1
    return 1 - beta**count
