"""Weights from the neural tangent kernel: every term's errors are to decay at one mean rate.

Wang, Yu, Perdikaris, J. Comput. Phys. 449 (2022), the adaptive training algorithm:

    lambda_i = Tr(K) / Tr(K_i),    Tr(K) = sum_i Tr(K_i),    K_i = J_i J_i^T

with J_i the Jacobian of a term's pointwise quantities with respect to all weights and biases. All
weights are set, the residual's too, with no moving average.
"""

from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.tensors import Tensor
from pinn_core.weightings.gradient_sizes import averaged
from pinn_core.weightings.weighting import WEIGHTINGS, State, View, Weighting


@WEIGHTINGS.register("ntk")
@dataclass(frozen=True, kw_only=True)
class Ntk(Weighting):
    """Traces of the neural tangent kernel (Wang, Yu, Perdikaris 2022), every ``period`` steps.

    ``period`` is 1000 in the paper, 100 in its notebook. ``probes``: null takes the gradients of
    all points, a number that many random probes (Hutchinson). The traces are sums over a term's
    points, as published, also where its loss is a mean. A weight whose new value is not finite (a
    trace is NaN, or zero) stays.

    When to use: Where terms converge at different rates by the analysis of the tangent kernel.
    Exact traces take the gradient of every point: choose a long period or ``probes``.
    """

    period: int = 1000
    """The weights are set anew after every so many updates."""
    probes: int | None = None
    """Random vectors that estimate the traces; null: exact."""

    def __post_init__(self) -> None:
        at_least(1, period=self.period)
        if self.probes is not None:
            at_least(1, probes=self.probes)

    def due(self, step: int) -> bool:
        """At 0, ``period``, twice ``period`` ..."""
        return step % self.period == 0

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """The whole trace over each term's."""
        traces = view.traces(self.probes).double()
        whole = traces.T.contiguous().sum(1)
        return averaged(view.weights, whole / traces)
