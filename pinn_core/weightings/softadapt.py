"""SoftAdapt: terms whose losses rise, or fall least, count more.

Heydari, Thompson, Mehmood, arXiv 1912.12355 (2019). With s_i the slope of a term's last losses, by
a finite difference, in every update

    w_i = exp(beta s_i) / sum_j exp(beta s_j)

In its variants L_i exp(beta s_i) stands for the exponential, with L_i the mean of the same losses
(``loss_weighted``), or s_i / sum_j s_j for s_i (``normalized``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float

from pinn_core.checks import at_least, finite
from pinn_core.tensors import Tensor, torch
from pinn_core.weightings.gradient_sizes import averaged
from pinn_core.weightings.weighting import WEIGHTINGS, State, View, Weighting

DIFFERENCES = {
    1: (-1.0, 1.0),
    3: (-11 / 6, 3.0, -3 / 2, 1 / 3),
    5: (-137 / 60, 5.0, -5.0, 10 / 3, -5 / 4, 1 / 5),
}
"""By order: what the last losses are multiplied by, the oldest first.

As in the authors' code these are forward differences: the slope is that at the oldest loss.
"""


@WEIGHTINGS.register("softadapt")
@dataclass(frozen=True, kw_only=True)
class SoftAdapt(Weighting):
    """SoftAdapt (Heydari, Thompson, Mehmood 2019), with the variants of the authors' code.

    ``beta`` 0.1 is the code's default; with a negative one terms that fall fast count more.
    ``order`` is that of the finite difference of the last two, four or six losses; until there are
    so many the objective's weights hold. (The code takes the highest order that its losses allow.)
    Slopes are differences between updates, which are ``period`` steps apart, of losses without
    weights; they are not relative ones, so that the scale of the losses counts.

    ``total``: all weights, the residual's too, sum to ``one`` as in the paper, or to the number of
    ``terms``, which leaves the learning rate its meaning. The code's small number in the
    denominator is left out. Every update takes an evaluation, after the step. A weight whose new
    value is not finite (any term's loss is NaN, the slopes of ``normalized`` sum to zero) stays.

    When to use: With losses of similar size; it looks at how they change alone.

        >>> SoftAdapt(period=5).due(10)
        True
        >>> SoftAdapt(order=2)
        Traceback (most recent call last):
            ...
        ValueError: order must be 1, 3 or 5, found 2
    """

    beta: float = 0.1
    """How much a slope counts; above 0, terms that rise get more weight."""
    order: int = 1
    """Order of the finite difference: 1, 3 or 5."""
    variant: Literal["original", "loss_weighted", "normalized"] = "original"
    """Which of the published formulas is taken."""
    total: Literal["one", "terms"] = "one"
    """What the weights sum to."""
    period: int = 1
    """The weights are set anew after every so many updates."""

    def __post_init__(self) -> None:
        finite(beta=self.beta)
        at_least(1, period=self.period)
        if self.order not in DIFFERENCES:
            raise ValueError(f"order must be 1, 3 or 5, found {self.order}")

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """The last losses (m, order + 1, t), the oldest first; NaN where there was none yet."""
        terms, members = weights.shape
        shape = (members, self.order + 1, terms)
        return {"losses": weights.new_full(shape, torch.nan, dtype=torch.float64)}

    def due(self, step: int) -> bool:
        """At 0, ``period``, twice ``period`` ..."""
        return step % self.period == 0

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """The softmax of the slopes, once there are losses enough."""
        now = view.losses.T.double()[:, None]
        state["losses"] = torch.cat([state["losses"][:, 1:], now], dim=1)
        last = state["losses"].unbind(1)
        slopes = torch.zeros_like(last[0])
        for factor, losses in zip(DIFFERENCES[self.order], last, strict=True):
            slopes = slopes + factor * losses
        if self.variant == "normalized":
            slopes = slopes / slopes.sum(1, keepdim=True)
        shares = (self.beta * slopes).softmax(1)
        if self.variant == "loss_weighted":
            shares = shares * sum(last[1:], last[0])
            shares = shares / shares.sum(1, keepdim=True)
        factor = shares.shape[1] if self.total == "terms" else 1
        return averaged(view.weights, factor * shares.T)
