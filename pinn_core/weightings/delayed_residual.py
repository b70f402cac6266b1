"""A residual that is left out at first: the conditions are learnt before the equation.

CAML (Mitigating gradient pathology in PINNs through aligned constraint, arXiv:2605.25001, 2026), by
the rule of the authors' code. With the weight w in the objective, that at step t is w l(t):

    l = 0 for t < delay,   l = (t - delay) / ramp up to delay + ramp,   l = 1 from there on
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.tensors import Tensor
from pinn_core.weightings.fixed_points import check_residual
from pinn_core.weightings.weighting import WEIGHTINGS, State, View, Weighting


@WEIGHTINGS.register("delayed_residual")
@dataclass(frozen=True, kw_only=True)
class DelayedResidual(Weighting):
    """The delay of CAML (2026): no residual for ``delay`` steps, then a linear ramp.

    25 and 50 are the authors' for a heat problem. The other terms keep their weights. Steps count
    from the run's first, whatever the phase or the stage. ``weight/residual`` is what the residual
    counts in a row, and ``loss/residual`` is recorded all the same. Beside the delay CAML has an
    offset: ``last_layer_least_squares`` with ``solved: constants``.

    When to use: Where the residual keeps the network near a wrong solution from the first steps on,
    or beside that offset.

        >>> [DelayedResidual().share(step) for step in (0, 24, 50, 75, 500)]
        [0.0, 0.0, 0.5, 1.0, 1.0]
    """

    evaluates: ClassVar[bool] = False

    delay: int = 25
    """Steps without the residual."""
    ramp: int = 50
    """Steps in which its weight then rises to the objective's."""

    def __post_init__(self) -> None:
        at_least(0, delay=self.delay, ramp=self.ramp)

    def share(self, step: int) -> float:
        """What the residual's weight is multiplied by at a step."""
        if step < self.delay + self.ramp:
            return max(0.0, (step - self.delay) / max(self.ramp, 1))
        return 1.0

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """Every member's weight of the residual (m, 1) in the objective."""
        check_residual(self.kind, sizes)
        return {"residual": weights[0, :, None].clone()}

    def first(self, weights: Float[Tensor, "t m"], step: int) -> Float[Tensor, "t m"]:
        """With the residual's share at this step."""
        found = weights.clone()
        found[0] *= self.share(step)
        return found

    def due(self, step: int) -> bool:
        """Where the next step's share differs from this one's."""
        return self.share(step + 1) != self.share(step)

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """With the residual's share at the next step."""
        found = view.weights.clone()
        found[0] = self.share(view.step + 1) * state["residual"][:, 0]
        return found
