"""Self-adaptive weights: every point's weight climbs the loss that the network goes down.

McClenny, Braga-Neto, J. Comput. Phys. 474 (2023), with the mask lambda^2: the loss of a term is
mean((lambda r)^2), and Adam moves its lambdas up its gradient 2 lambda r^2 / n. Parameters and
lambdas move at the same time: a step's factors are those from before its ascent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float

from pinn_core.checks import above
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor, no_grad, torch
from pinn_core.weightings.fixed_points import check_fixed, chosen
from pinn_core.weightings.weighting import WEIGHTINGS, State, Weighting

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's defaults (Kingma and Ba 2015), as in the published runs."""


@WEIGHTINGS.register("self_adaptive")
@dataclass(frozen=True, kw_only=True)
class SelfAdaptive(Weighting):
    """Self-adaptive weights at every point (McClenny, Braga-Neto 2023), by ascent with Adam.

    All lambdas start at ``initial``. ``terms: all`` gives the conditions' points lambdas too. The
    points must stay the same ones. A member's NaN stays its own.

    When to use: On fixed points, where the network shall be forced to learn the hardest places;
    factors only grow.
    """

    weighs_points: ClassVar[bool] = True
    climbs: ClassVar[bool] = True

    learning_rate: float = 5e-3
    """That of Adam's ascent."""
    initial: float = 1.0
    """Every factor at the start."""
    terms: Literal["residual", "all"] = "residual"
    """Whether the residual's points have factors, or those of all terms."""

    def __post_init__(self) -> None:
        above(0, learning_rate=self.learning_rate, initial=self.initial)

    def check(self, problem: Problem, batch: int | str, resampled: bool) -> None:
        """Refuse points that change."""
        check_fixed(self.kind, batch, resampled)

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """Every term's lambdas, their two moments (m, n) and the powers of both betas (m, 1)."""
        state: State = {}
        for name, n in chosen(self.kind, self.terms, sizes).items():
            state[name] = weights.new_full((weights.shape[1], n), self.initial)
            for moment in ("first", "second"):
                state[f"{name}/{moment}"] = torch.zeros_like(state[name])
                power = weights.new_ones(weights.shape[1], 1, dtype=torch.float64)
                state[f"{name}/{moment}_power"] = power
        return state

    @no_grad
    def factors(
        self,
        state: State,
        name: str,
        squares: Float[Tensor, "m n"],
        points: Float[Tensor, "#m n d"],
        problem: Problem,
    ) -> Float[Tensor, "m n"] | None:
        """The squares of the lambdas, which then move up."""
        if name not in state:
            return None
        own = state[name]
        found = own.square().to(squares.dtype)
        gradient = own * squares * (2 / squares.shape[1])
        first = _moment(state, f"{name}/first", BETA1, gradient)
        second = _moment(state, f"{name}/second", BETA2, gradient.square())
        own.add_(first / (second.sqrt() + EPSILON) * self.learning_rate)
        return found


def _moment(state: State, name: str, beta: float, new: Tensor) -> Float[Tensor, "m n"]:
    """Adam's moving average, moved and corrected for its start at zero.

    The power of beta is a running product, for torch's own power rounds by the place in memory.
    """
    power = state[f"{name}_power"].mul_(beta)
    return state[name].mul_(beta).add_(new * (1 - beta)) / (1 - power).to(new.dtype)
