"""Gradient-adaptive weights: learning-rate annealing with a denominator that is never zero.

The JAX code of the blog on gradient-weighted PINNs (repository Physics-informed-vibe-coding, the
Klein-Gordon case), every ``period`` steps:

    lambda_i <- (1 - ema) lambda_i + ema max|grad lambda_r L_r| / (mean|grad lambda_i L_i| + 1e-10)

with the maximum over all layers' weights and the mean of the layers' means.
"""

from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.tensors import Tensor, torch
from pinn_core.weightings.gradient_sizes import averaged, by_layer, check_average, largest, mean
from pinn_core.weightings.weighting import WEIGHTINGS, State, View, Weighting

FLOOR = 1e-10
"""Added to the denominator, as in the blog's code."""


@WEIGHTINGS.register("gradient_adaptive")
@dataclass(frozen=True, kw_only=True)
class GradientAdaptive(Weighting):
    """The blog's gradient-adaptive weights; ``ema`` is the share of the new value.

    A term without gradient gets a weight of about ema 1e10 max|grad L_r|, as in the blog's code;
    one whose new weight is not finite keeps the old one.

    When to use: To repeat the blog; ``annealing`` is the published rule.
    """

    ema: float = 0.1
    """Share of the new value in the moving average."""
    period: int = 10
    """The weights are set anew after every so many updates."""

    def __post_init__(self) -> None:
        check_average(self.ema, self.period)

    def due(self, step: int) -> bool:
        """At 0, ``period``, twice ``period`` ..."""
        return step % self.period == 0

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """A step towards equal sizes; the residual's weight stays."""
        weights = view.weights.double().abs()
        sizes = [mean(by_layer(each, view)).mean(1) for each in view.gradients[1:]]
        if not sizes:
            return view.weights
        target = largest(by_layer(view.gradients[0], view)).amax(1) * weights[0]
        new = target / (torch.stack(sizes) * weights[1:] + FLOOR)
        return torch.cat([view.weights[:1], averaged(view.weights[1:], new, self.ema)])
