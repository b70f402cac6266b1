"""Causal weights: the residual at a time counts once the residuals before it are small.

Wang, Sankaran, Perdikaris, Respecting causality for training PINNs, Comput. Methods Appl. Mech.
Eng. 421 (2024), algorithm 1. The points, sorted by time, make equal chunks with mean squared
residuals L_1 ... L_c, and a chunk's points have the factor

    w_1 = 1,    w_i = exp(-epsilon (L_1 + ... + L_(i-1)))

Where min_i w_i > ``threshold``, epsilon goes on to its next value: 1e-2, 1e-1, 1, 10, 100.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pinn_core.checks import above, at_least, below
from pinn_core.problems import Problem
from pinn_core.weighting.fixed_points import check_residual
from pinn_core.weighting.weighting import WEIGHTINGS, State, Weighting


@WEIGHTINGS.register("causal")
@dataclass(frozen=True, kw_only=True)
class Causal(Weighting):
    """Causal training (Wang, Sankaran, Perdikaris 2024), in chunks of time as jaxpi has it.

    ``epsilon`` grows by ``epsilon_factor`` up to ``epsilon_last``, each member's on its own. The
    points may be drawn anew in every step. On a mesh with c time levels ``chunks: c`` is the
    paper's rule; n points that c does not divide make chunks of n / c rounded up or down. The
    conditions keep their weights (the paper advises 100 to 1000 for the initial one). A member
    whose residual is NaN keeps its epsilon.
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    epsilon: float = 1e-2
    epsilon_factor: float = 10.0
    epsilon_last: float = 100.0
    threshold: float = 0.99
    chunks: int = 32

    def __post_init__(self) -> None:
        above(0, epsilon=self.epsilon, threshold=self.threshold)
        at_least(1, epsilon_factor=self.epsilon_factor)
        at_least(self.epsilon, epsilon_last=self.epsilon_last)
        below(1, threshold=self.threshold)
        at_least(2, chunks=self.chunks)

    def check(self, problem: Problem, batch: int | str, resampled: bool) -> None:
        """Refuse steady problems and fewer points than chunks."""
        if "t" not in problem.coordinates:
            raise ValueError(
                f"weighting causal needs a problem with the time t among its coordinates: "
                f"{problem.kind} is steady, found {', '.join(problem.coordinates)}"
            )
        if isinstance(batch, int):
            self._check_points(batch)

    def _check_points(self, found: int) -> None:
        if found < self.chunks:
            raise ValueError(
                f"weighting causal needs at least a point in each of its {self.chunks} chunks, "
                f"found {found} points"
            )

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """Every member's epsilon (m, 1) at its first value."""
        check_residual(self.kind, sizes)
        self._check_points(sizes["residual"])
        shape = (weights.shape[1], 1)
        return {"epsilon": weights.new_full(shape, self.epsilon, dtype=torch.float64)}

    @torch.no_grad()
    def factors(
        self,
        state: State,
        name: str,
        squares: Float[Tensor, "m n"],
        points: Float[Tensor, "#m n d"],
        problem: Problem,
    ) -> Float[Tensor, "m n"] | None:
        """Every point's factor is that of its chunk; epsilon may go on for the next step."""
        if name != "residual":
            return None
        time = points[..., problem.coordinates.index("t")]
        order = time.argsort(dim=1, stable=True).expand(squares.shape)
        losses = _chunk_means(squares.gather(1, order), self.chunks)
        before = torch.cat([torch.zeros_like(losses[:, :1]), losses[:, :-1].cumsum(1)], dim=1)
        epsilon = state["epsilon"]
        weights = (-epsilon * before).exp()
        grown = (epsilon * self.epsilon_factor).clamp_max(self.epsilon_last)
        over = weights.amin(1, keepdim=True) > self.threshold
        state["epsilon"].copy_(torch.where(over, grown, epsilon))
        ranked = weights[:, _chunk_of(squares.shape[1], self.chunks, squares.device)]
        return torch.zeros_like(squares).scatter_(1, order, ranked.to(squares.dtype))


def _chunk_of(n: int, chunks: int, device: torch.device) -> Int[Tensor, " n"]:
    """The chunk of the point that is r-th in time."""
    return torch.arange(n, device=device) * chunks // n


def _chunk_means(ranked: Float[Tensor, "m n"], chunks: int) -> Float[Tensor, "m c"]:
    """Mean over every chunk of points that are sorted by time, in float64."""
    n = ranked.shape[1]
    edges = (torch.arange(chunks + 1, device=ranked.device) * n + chunks - 1) // chunks
    first, counts = edges[:-1], edges.diff()
    place = torch.arange(-(-n // chunks), device=ranked.device)
    table = ranked[:, (first[:, None] + place).clamp_max(n - 1)]
    table = torch.where(place < counts[:, None], table, 0.0)
    return table.sum(2, dtype=torch.float64) / counts
