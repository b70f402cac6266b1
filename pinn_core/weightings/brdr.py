"""Balanced residual decay rates: points whose mismatch decays slowly count more.

Chen, Howard, Stinis, Self-adaptive weights based on balanced residual decay rate for
physics-informed neural networks and deep operator networks, arXiv 2407.01613 (2024), as in the lead
author's code. In step t at every point of every term, with its squared mismatch R^2:

    e <- beta_c e + (1 - beta_c) R^4
    q = R^2 / (sqrt(e / (1 - beta_c^t)) + 1e-14)
    w <- beta_w w + (1 - beta_w) q / (mean of q over all points of all terms)

from e = 0 and w = 1; a term's loss is mean(w R^2). The mean of all w stays 1. A step's factors are
the w from before its change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from pinn_core.checks import at_least, below
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor, no_grad, torch
from pinn_core.weightings.fixed_points import check_fixed, check_residual
from pinn_core.weightings.weighting import WEIGHTINGS, State, Weighting

FLOOR = 1e-14
"""Added to the denominator, as in the code."""


@WEIGHTINGS.register("brdr")
@dataclass(frozen=True, kw_only=True)
class Brdr(Weighting):
    """BRDR's weights of points (Chen, Howard, Stinis 2024), of all terms.

    ``beta_c`` and ``beta_w`` are the defaults of the lead author's code. The objective's weights of
    the terms stay as they are and multiply these. Left out are the code's factor of the whole loss,
    which Adam's update hardly feels, and its rule for batches: the points must stay the same ones.
    Where all mismatches are zero the weights decay. A member's NaN stays its own.

    When to use: Where some points lag behind all others and the points are fixed; it looks at every
    term.

        >>> Brdr(beta_w=1.0)
        Traceback (most recent call last):
            ...
        ValueError: beta_w must be < 1, found 1.0
    """

    weighs_points: ClassVar[bool] = True

    beta_c: float = 0.999
    """Share of the old value in the running mean of R^4."""
    beta_w: float = 0.999
    """Share of the old weight in the new one."""

    def __post_init__(self) -> None:
        at_least(0, beta_c=self.beta_c, beta_w=self.beta_w)
        below(1, beta_c=self.beta_c, beta_w=self.beta_w)

    def check(self, problem: Problem, batch: int | str, resampled: bool) -> None:
        """Refuse points that change."""
        check_fixed(self.kind, batch, resampled)

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """Every term's w, e and q (m, n), and its power of beta_c (m, 1).

        Every q is 1 before the first step, which leaves w as it is.
        """
        check_residual(self.kind, sizes)
        state: State = {}
        for name, n in sizes.items():
            ones = weights.new_ones(weights.shape[1], n, dtype=torch.float64)
            state |= {
                f"{name}/weight": ones,
                f"{name}/fourth": torch.zeros_like(ones),
                f"{name}/ratio": ones.clone(),
                f"{name}/power": ones[:, :1].clone(),
            }
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
        """The weights w of this term's points; and its q, which the next step's weights need.

        The residual is the first term asked for in a step: with it the w of all terms are changed.
        """
        if name == "residual":
            self._move(state)
        numbers = squares.double()
        power = state[f"{name}/power"].mul_(self.beta_c)
        fourth = state[f"{name}/fourth"]
        fourth.mul_(self.beta_c).add_(numbers.square() * (1 - self.beta_c))
        state[f"{name}/ratio"].copy_(numbers / ((fourth / (1 - power)).sqrt() + FLOOR))
        return state[f"{name}/weight"].to(squares.dtype, copy=True)

    def _move(self, state: State) -> None:
        """A step of all weights towards the ratios over their common mean."""
        names = sorted(key.removesuffix("/ratio") for key in state if key.endswith("/ratio"))
        ratios = [state[f"{name}/ratio"] for name in names]
        total = torch.stack([ratio.sum(1) for ratio in ratios], dim=1).sum(1)
        mean = total[:, None] / sum(ratio.shape[1] for ratio in ratios)
        mean = mean.clamp_min(torch.finfo(mean.dtype).tiny)
        for name, ratio in zip(names, ratios, strict=True):
            weight = state[f"{name}/weight"]
            weight.add_((ratio / mean - weight) * (1 - self.beta_w))
