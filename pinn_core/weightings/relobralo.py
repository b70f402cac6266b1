"""Relative loss balancing with random look-back: terms that fall slowly count more.

Bischof, Kraus, Comput. Methods Appl. Mech. Eng. 439 (2025), arXiv 2110.09813. For n terms with
losses L_i, as in the authors' code:

    s_i(ref) = n softmax_i(L_i / (T L_i(ref) + 1e-12))
    lambda_i <- alpha (rho lambda_i + (1 - rho) s_i(first)) + (1 - alpha) s_i(last)

with rho 0 or 1, drawn in every update, and losses without weights. The first update keeps the
weights (alpha 1), the second forgets them (alpha 0). All weights are set, the residual's too; their
sum is n.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Bool, Float

from pinn_core.checks import above, at_least, within
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch
from pinn_core.weightings.gradient_sizes import averaged
from pinn_core.weightings.weighting import WEIGHTINGS, State, View, Weighting

FLOOR = 1e-12
"""Added to the denominator, as in the authors' code."""


@WEIGHTINGS.register("relobralo")
@dataclass(frozen=True, kw_only=True)
class Relobralo(Weighting):
    """ReLoBRaLo (Bischof and Kraus 2025): a softmax of how slowly the losses fall.

    ``alpha`` is the share of the old weights, ``temperature`` T, ``rho`` the probability of no
    look-back at the first losses, which each member draws by its seed and the step. ``alpha`` and
    ``temperature`` are the defaults of the authors' script. Its ``rho`` is 1, which never looks
    back; 0.999 is that of the library jNO, which has ``alpha`` 0.99 and ``temperature`` 0.1. Other
    libraries leave the factor n out or have T in one of the quotients only.

    Every update takes an evaluation, after the step: the first losses are those that the first
    update left, and the objective's weights hold until the second. With ``period`` above 1 (the
    authors update in every step) the last losses are those of the update before. A weight whose new
    value is not finite (any term's loss is NaN) stays.

    When to use: With many terms, without extra gradients: it looks at the losses alone.

        >>> Relobralo(rho=0.5, period=2).due(4)
        True
        >>> Relobralo(rho=1.5)
        Traceback (most recent call last):
            ...
        ValueError: rho must lie in [0, 1], found 1.5
    """

    alpha: float = 0.999
    """Share of the old weights in the new ones."""
    temperature: float = 1.0
    """How evenly the weights are spread: large ones make all alike."""
    rho: float = 0.999
    """Probability that an update looks at the last losses, not at the first."""
    period: int = 1
    """The weights are set anew after every so many updates."""

    def __post_init__(self) -> None:
        within(0, 1, alpha=self.alpha, rho=self.rho)
        above(0, temperature=self.temperature)
        at_least(1, period=self.period)

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """The first and the last losses (m, t), and how many updates were made (m, 1)."""
        members = weights.T.contiguous().double()
        return {
            "first": torch.zeros_like(members),
            "last": torch.zeros_like(members),
            "updates": torch.zeros_like(members[:, :1]),
        }

    def due(self, step: int) -> bool:
        """At 0, ``period``, twice ``period`` ..."""
        return step % self.period == 0

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """A step towards the softmax of the losses over the last or, looking back, the first."""
        losses = view.losses.T.contiguous().double()
        old = view.weights.T.double()
        begins, follows = state["updates"] == 0, state["updates"] == 1
        first = torch.where(begins, losses, state["first"])
        last = torch.where(begins, losses, state["last"])
        kept = torch.where(self._looks_back(view, losses), self._shares(losses, first), old)
        mixed = self.alpha * kept + (1 - self.alpha) * self._shares(losses, last)
        new = torch.where(follows, self._shares(losses, last), mixed)
        state |= {"first": first, "last": losses, "updates": state["updates"] + 1}
        return averaged(view.weights, torch.where(begins, old, new).T)

    def _shares(self, losses: Tensor, reference: Tensor) -> Float[Tensor, "m t"]:
        """The weights s(ref); all are 1 where every loss has changed by the same factor."""
        ratios = losses / (self.temperature * reference + FLOOR)
        return ratios.softmax(1) * losses.shape[1]

    def _looks_back(self, view: View, like: Tensor) -> Bool[Tensor, "#m 1"]:
        """Whether each member looks back in this step."""
        if self.rho == 1:
            return torch.zeros(1, 1, dtype=torch.bool, device=like.device)
        drawn = [
            [generator(seed, "weighting/relobralo", view.step).random() >= self.rho]
            for seed in view.seeds
        ]
        return torch.tensor(drawn, device=like.device)
