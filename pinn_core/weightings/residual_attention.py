"""Residual-based attention: points where the residual has long been large count more.

Anagnostopoulos, Toscano, Stergiopulos, Karniadakis, Comput. Methods Appl. Mech. Eng. 421 (2024). In
every step, before its gradient, at every point

    lambda <- gamma lambda + eta |r| / max|r|,    L = mean((lambda r)^2)

from lambda = 0, as in the authors' code; lambda stays below eta / (1 - gamma).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float

from pinn_core.checks import above, at_least, below
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor, no_grad, torch
from pinn_core.weightings.fixed_points import check_fixed, chosen
from pinn_core.weightings.weighting import WEIGHTINGS, State, Weighting


@WEIGHTINGS.register("residual_attention")
@dataclass(frozen=True, kw_only=True)
class ResidualAttention(Weighting):
    """Residual-based attention (Anagnostopoulos et al. 2024): no gradient, bounded factors.

    ``terms: all`` gives the conditions' points such factors too, each term with a maximum of its
    own. Where all of a term's mismatches are zero the factors decay. The points must stay the same
    ones. A member's NaN stays its own.

    When to use: On fixed points, where the residual stays large in places; it needs no gradient of
    its own.
    """

    weighs_points: ClassVar[bool] = True

    gamma: float = 0.999
    """Share of the old factor in the new one."""
    eta: float = 0.001
    """What a point with the largest residual gains in a step."""
    terms: Literal["residual", "all"] = "residual"
    """Whether the residual's points have factors, or those of all terms."""

    def __post_init__(self) -> None:
        at_least(0, gamma=self.gamma)
        below(1, gamma=self.gamma)
        above(0, eta=self.eta)

    def check(self, problem: Problem, batch: int | str, resampled: bool) -> None:
        """Refuse points that change."""
        check_fixed(self.kind, batch, resampled)

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """Every lambda at zero."""
        found = chosen(self.kind, self.terms, sizes)
        return {name: weights.new_zeros(weights.shape[1], n) for name, n in found.items()}

    @no_grad
    def factors(
        self,
        state: State,
        name: str,
        squares: Float[Tensor, "m n"],
        points: Float[Tensor, "#m n d"],
        problem: Problem,
    ) -> Float[Tensor, "m n"] | None:
        """The squares of the lambdas, which this step's mismatches have moved."""
        if name not in state:
            return None
        size = squares.sqrt()
        top = size.amax(1, keepdim=True).clamp_min(torch.finfo(size.dtype).tiny)
        state[name].mul_(self.gamma).add_(size / top * self.eta)
        return state[name].square().to(squares.dtype)
