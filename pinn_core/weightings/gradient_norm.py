"""Weights that make all terms' gradients equally long.

jaxpi (Wang, Sankaran, Wang, Perdikaris, An expert's guide to training PINNs, arXiv 2308.08468, loss
balancing by gradient norms), every ``period`` steps:

    w_i <- (1 - ema) w_i + ema mean_j |g_j| / |g_i|

with g_i the gradient of the unweighted term i by all parameters. All weights are set, the
residual's too. (Versions of its code add 1e-5 of the mean to the denominator.)
"""

from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.tensors import Tensor
from pinn_core.vectors.rows import dots
from pinn_core.weightings.gradient_sizes import averaged, check_average
from pinn_core.weightings.weighting import WEIGHTINGS, State, View, Weighting


@WEIGHTINGS.register("gradient_norm")
@dataclass(frozen=True, kw_only=True)
class GradientNorm(Weighting):
    """jaxpi's gradient norms; ``ema`` is the share of the new value.

    A weight whose new value is not finite (its gradient is zero, any term's is NaN) stays.

    When to use: As the first adaptive rule to try: it looks at the lengths of the terms' gradients
    alone.
    """

    ema: float = 0.1
    """Share of the new value in the moving average."""
    period: int = 1000
    """The weights are set anew after every so many updates."""

    def __post_init__(self) -> None:
        check_average(self.ema, self.period)

    def due(self, step: int) -> bool:
        """At 0, ``period``, twice ``period`` ..."""
        return step % self.period == 0

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """A step towards equal lengths."""
        norms = dots(view.gradients, view.gradients, "eager").sqrt()
        middle = norms.T.contiguous().mean(1)
        return averaged(view.weights, middle / norms, self.ema)
