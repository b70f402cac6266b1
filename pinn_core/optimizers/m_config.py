r"""M-ConFIG: the terms' gradients in turn, a conflict-free direction of their running means.

Liu, Chu, Thuerey, ConFIG: towards conflict-free training of physics informed neural networks,
ICLR 2025, algorithm 1, as in the authors' code. At step s (from 0) the term i = s mod T is due:

    m_i <- b1 m_i + (1 - b1) g_i,        g = ConFIG(m_j / (1 - b1^(n_j)), all j)

with n_j gradients of term j so far. There is no update until every n_j > 0; the k-th one is

    Q_k = (1 - b1^k) g,    p = (Q_k - b1 Q_(k-1)) / (1 - b1),    v <- b2 v + (1 - b2) p^2,
    theta <- theta - lr g / (sqrt(v / (1 - b2^k)) + epsilon)

where p is the gradient whose running mean, as Adam makes it, would be g.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, below
from pinn_core.engine.precision import bytes_of
from pinn_core.optimizers.optimizer import OPTIMIZERS, Optimizer, Settings, State, StepContext
from pinn_core.optimizers.schedule import check_decay, decayed
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.conflict_free import conflict_free
from pinn_core.vectors.gramian import combined, gramian_of, weights_by


@OPTIMIZERS.register("m_config")
@dataclass(frozen=True, kw_only=True)
class MConfig(Optimizer):
    """Momentum ConFIG (Liu, Chu, Thuerey 2025): Adam with one term's gradient in each step.

    The terms take turns, each with its weight. The direction is that of ConFIG between the running
    means of their gradients. The running mean of squares, by which it is divided, is of the
    gradients that would have led Adam to these directions: learning rates are those of ``adam``.

    As many steps as there are terms cost one evaluation of all gradients, and ``work/evaluations``
    counts so. A step also makes the other terms' losses, without gradients, for every row records
    all losses. The gradients of a full batch do not come for free then: they, and the losses that
    need derivatives, are recorded every ``record.gradients_every`` steps, as with mini-batches.

    It needs two terms or more, and makes the direction itself: every ``aggregation`` but ``sum``,
    a penalty of weights (``l2``) and ``record.conflict`` are refused.

    When to use: In place of ``config`` with ``adam``. On a CPU (AMD EPYC) its step took 0.88 and
    0.73 of the time of Adam's, that of ``config`` with Adam 1.17 and 1.15 (heat, 4 x 128; Burgers,
    4 x 50), for there the equation's term, whose loss every step makes, costs most.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    takes_turns: ClassVar[bool] = True

    steps: int = 1000
    """Number of updates of the phase."""
    learning_rate: float = 1e-3
    """Size of a step, before the decay."""
    beta1: float = 0.9
    """Share of a term's old running mean of the gradient in the new one."""
    beta2: float = 0.999
    """Share of the old running mean of squares in the new one."""
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
        """Zero for Q and v."""
        return {"mean": torch.zeros_like(parameters), "second": torch.zeros_like(parameters)}

    def start_terms(self, parameters: Float[Tensor, "m p"], terms: int) -> State:
        """Zero for every term's running mean."""
        return {f"first/{term}": torch.zeros_like(parameters) for term in range(terms)}

    def state_bytes(self, size: int, precision: str) -> int:
        """Of two vectors as long as the parameters."""
        return 2 * size * bytes_of(precision)

    def update(
        self,
        settings: Settings,
        state: State,
        context: StepContext,
        step: int | Int[Tensor, ""],
        backend: str = "auto",
    ) -> Float[Tensor, "m p"]:
        """The update after the gradient of the term whose turn it is; zero in the first round."""
        now, terms = int(step), context.terms
        turn = now % terms
        state[f"first/{turn}"].mul_(self.beta1).add_(context.gradient, alpha=1 - self.beta1)
        count = now - terms + 2
        if count < 1:
            return torch.zeros_like(context.parameters)
        direction = self._direction(state, turn, now // terms, terms, backend)
        mean = (1 - self.beta1**count) * direction
        gradient = (mean - self.beta1 * state["mean"]) / (1 - self.beta1)
        state["mean"].copy_(mean)
        state["second"].mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        size = (state["second"] / (1 - self.beta2**count)).sqrt() + self.epsilon
        rate = decayed(settings["learning_rate"], self.decay, self.decay_steps, now)
        return -rate * direction / size

    def _direction(
        self, state: State, turn: int, rounds: int, terms: int, backend: str
    ) -> Float[Tensor, "m p"]:
        """ConFIG's of the means, where the terms up to ``turn`` have one gradient more."""
        counts = [rounds + (term <= turn) for term in range(terms)]
        means = [
            state[f"first/{term}"] / (1 - self.beta1**count) for term, count in enumerate(counts)
        ]
        weights = weights_by(conflict_free, gramian_of(means, means, backend))
        return combined(weights, means).to(means[0].dtype)
