r"""Learning-rate annealing: every term's gradient is brought to the size of the residual's.

Wang, Teng, Perdikaris, SIAM J. Sci. Comput. 43 (2021), algorithm 1, every ``period`` steps:

    lambda_i <- (1 - ema) lambda_i + ema max|grad lambda_r L_r| / mean|grad lambda_i L_i|

The residual's lambda_r stays as it is. With a constant gradient lambda_i tends to
sqrt(max|grad lambda_r L_r| / mean|grad L_i|). The preprint leaves lambda_i out of the denominator:
then it tends to the ratio itself, which runs away where a term's gradient vanishes.
"""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float

from pinn_core.tensors import Tensor, torch
from pinn_core.weightings.gradient_sizes import averaged, by_layer, check_average, largest, mean
from pinn_core.weightings.weighting import WEIGHTINGS, State, View, Weighting


@WEIGHTINGS.register("annealing", numerics=2)
@dataclass(frozen=True, kw_only=True)
class Annealing(Weighting):
    """Learning-rate annealing of Wang, Teng and Perdikaris (2021), in every published variant.

    ``weighted_denominator``: true is the journal (eq. 2.30 to 2.32) and the code, false the
    preprint. ``statistic: per_layer_max`` is the code's cavity rule: the largest over the layers of
    a layer's maximum over the same layer's mean. ``mean: layers`` lets every layer count alike,
    ``all`` every weight. ``biases`` count too; with ``mean: all`` they stand for all parameters, a
    gated network's encoders included, which else are left out. ``ema`` is the share of the new
    value (0.1 in the code, 0.9 in the preprint).

    A weight whose new value is not finite (a gradient is NaN, or zero in the denominator) stays.

    When to use: Where the residual's gradient outweighs that of the conditions. The weights may
    grow without limit where a term's gradient vanishes: look at ``weight/NAME``.

        >>> [step for step in range(25) if Annealing().due(step)]
        [0, 10, 20]
    """

    weighted_denominator: bool = True
    """Whether lambda_i stands in the denominator: the journal's rule, else the preprint's."""
    statistic: Literal["global", "per_layer_max"] = "global"
    """Maximum and mean over all layers, or the largest ratio of a single layer."""
    mean: Literal["layers", "all"] = "layers"
    """Whether every layer counts alike in the mean, or every weight."""
    biases: bool = False
    """Whether biases count, too."""
    ema: float = 0.1
    """Share of the new value in the moving average."""
    period: int = 10
    """The weights are set anew after every so many updates."""

    def __post_init__(self) -> None:
        check_average(self.ema, self.period)
        if self.statistic == "per_layer_max" and self.mean == "all":
            raise ValueError(
                "statistic per_layer_max takes the mean of every layer: mean must be 'layers', "
                "found 'all'"
            )

    def due(self, step: int) -> bool:
        """At 0, ``period``, twice ``period`` ..."""
        return step % self.period == 0

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """A step towards equal sizes; the residual's weight stays."""
        weights = view.weights.double().abs()
        residual = self._parts(view.gradients[0], view)
        ratios = [self._ratio(residual, self._parts(each, view)) for each in view.gradients[1:]]
        if not ratios:
            return view.weights
        new = torch.stack(ratios) * weights[0]
        if self.weighted_denominator:
            new = new / weights[1:]
        return torch.cat([view.weights[:1], averaged(view.weights[1:], new, self.ema)])

    def _parts(self, gradient: Tensor, view: View) -> list[Tensor]:
        """What a mean is taken of: every layer, or all of them as one."""
        if self.mean == "layers":
            return by_layer(gradient, view, self.biases)
        if self.biases:
            return [gradient[:, : view.size]]
        return [torch.cat(by_layer(gradient, view), dim=1)]

    def _ratio(self, residual: list[Tensor], term: list[Tensor]) -> Float[Tensor, " m"]:
        """Size of the residual's gradient over that of a term's."""
        if self.statistic == "per_layer_max":
            return (largest(residual) / mean(term)).amax(1)
        return largest(residual).amax(1) / mean(term).mean(1)
