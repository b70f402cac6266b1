"""Dual balancing: conditions against the residual by gradients, among each other by losses.

Zhou, Chen, Yang, Png, Dual-Balancing for Physics-Informed Neural Networks, IJCAI 2025, arXiv
2505.11117, as in the code that is published for its cases. In the N-th update, with the sums over
the conditions' terms:

    S = sum_j G_r / G_j
    d_i = L_i / (mean of L_i over all updates so far, this one among them)
    lambda_i <- lambda_i + (S d_i / sum_j d_j - lambda_i) / N

so that lambda_i is the plain average of all S d_i / sum_j d_j; the residual's weight stays as it
is. What G_r / G_j compares is one of

    mean      max|grad L_r| / mean|grad lambda_j L_j|
    std       std(grad L_r) / std(grad L_j)
    kurtosis  the same of std / kurtosis, with the kurtosis mean(z^4), z = (g - mean g) / std
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.tensors import Tensor, torch
from pinn_core.weightings.gradient_sizes import by_layer, largest, mean
from pinn_core.weightings.weighting import WEIGHTINGS, State, View, Weighting


@WEIGHTINGS.register("db_pinn")
@dataclass(frozen=True, kw_only=True)
class DbPinn(Weighting):
    """DB-PINN (Zhou, Chen, Yang, Png 2025), in the three forms of its published code.

    ``statistic`` says what is compared of the gradients by all layers' weights and biases, taken as
    one; a gated network's encoders are left out. Standard deviations have n - 1 in the denominator.
    ``period`` is 100 in the code's Klein-Gordon case, 10 in its Helmholtz case. Every term but the
    residual's is a condition, data too; G_r is taken of the residual with its weight, which is 1 in
    the paper. The objective's weights hold until the first update, after the first step.

    A weight whose new value is not finite (any term's loss or gradient is NaN, a condition's
    gradient or mean loss is zero) stays, and that update does not count in its average.

    When to use: With several conditions of different difficulty; its weights are averages and
    change slowly.

        >>> [step for step in range(250) if DbPinn().due(step)]
        [0, 100, 200]
    """

    statistic: Literal["mean", "std", "kurtosis"] = "mean"
    """What is compared of the gradients."""
    period: int = 100
    """The weights are set anew after every so many updates."""

    def __post_init__(self) -> None:
        at_least(1, period=self.period)

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """Of every condition (m, t - 1) the mean loss and the mean target, and of how many each."""
        terms, members = weights.shape
        names = ("loss", "loss/count", "target", "target/count")
        zeros = weights.new_zeros(members, terms - 1, dtype=torch.float64)
        return {name: zeros.clone() for name in names}

    def due(self, step: int) -> bool:
        """At 0, ``period``, twice ``period`` ..."""
        return step % self.period == 0

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """The mean of all targets so far; the residual's weight stays."""
        if len(view.names) == 1:
            return view.weights
        losses = view.losses[1:].T.contiguous().double()
        difficulty = losses / _averaged(state, "loss", losses)
        shares = difficulty / difficulty.sum(1, keepdim=True)
        target = self._ratios(view).sum(1, keepdim=True) * shares
        new = _averaged(state, "target", target).T.to(view.weights.dtype)
        kept = torch.where(target.isfinite().T & new.isfinite(), new, view.weights[1:])
        return torch.cat([view.weights[:1], kept])

    def _ratios(self, view: View) -> Float[Tensor, "m _"]:
        """G_r / G_j of every condition, in float64."""
        weights = view.weights.double().abs()
        whole = [torch.cat(by_layer(each, view, biases=True), dim=1) for each in view.gradients]
        if self.statistic == "mean":
            residual, sizes = largest(whole[:1])[:, 0], mean(whole[1:]) * weights[1:].T
        else:
            spread = [_spread(each, self.statistic == "kurtosis") for each in whole]
            residual, sizes = spread[0], torch.stack(spread[1:], dim=1)
        return (residual * weights[0])[:, None] / sizes


def _averaged(state: State, name: str, new: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
    """The plain average of all finite numbers so far, moved by new ones."""
    counts, old = state[f"{name}/count"], state[name]
    finite = new.isfinite()
    counts = counts + finite
    moved = torch.where(finite, old + (new - old) / counts, old)
    state |= {name: moved, f"{name}/count": counts}
    return moved


def _spread(gradient: Float[Tensor, "m n"], by_kurtosis: bool) -> Float[Tensor, " m"]:
    """Standard deviation of the entries, or that over their kurtosis."""
    numbers, count = gradient.double(), gradient.shape[1]
    apart = numbers - numbers.sum(1, keepdim=True) / count
    deviation = (apart.square().sum(1) / (count - 1)).sqrt()
    if not by_kurtosis:
        return deviation
    scores = (apart / deviation[:, None]).square()
    return deviation / (scores.square().sum(1) / count)
