"""Causal weights: the residual at a time counts once the residuals before it are small.

Wang, Sankaran, Perdikaris, Respecting causality for training PINNs, Comput. Methods Appl. Mech.
Eng. 421 (2024), algorithm 1. The points, sorted by time, make chunks with mean squared residuals
L_1 ... L_c, and the loss is

    (w_1 L_1 + ... + w_c L_c) / c,    w_1 = 1,    w_i = exp(-epsilon (L_1 + ... + L_(i-1)))

Where min_i w_i > ``threshold``, epsilon goes on to its next value: 1e-2, 1e-1, 1, 10, 100.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from pinn_core.checks import above, at_least, below
from pinn_core.problems.problem import Problem
from pinn_core.tensors import Tensor, no_grad, torch
from pinn_core.weightings.fixed_points import check_residual
from pinn_core.weightings.weighting import WEIGHTINGS, State, Weighting


@WEIGHTINGS.register("causal", numerics=2)
@dataclass(frozen=True, kw_only=True)
class Causal(Weighting):
    """Causal training (Wang, Sankaran, Perdikaris 2024), in chunks of time as jaxpi has it.

    ``epsilon`` grows by ``epsilon_factor`` up to ``epsilon_last``, each member's on its own. The
    points may be drawn anew in every step. On a mesh with c time levels ``chunks: c`` is the
    paper's rule; n points that c does not divide make chunks of n / c rounded up or down, all of
    which count alike: a chunk's points share the part w_i / c of the loss. The
    conditions keep their weights (the paper advises 100 to 1000 for the initial one). A member
    whose residual is NaN keeps its epsilon.

    When to use: For problems in time whose solution is wrong late although the residual is small
    everywhere.
    """

    weighs_points: ClassVar[bool] = True

    epsilon: float = 1e-2
    """How strictly early times come first, at the start."""
    epsilon_factor: float = 10.0
    """Factor of epsilon when all chunks are nearly learnt."""
    epsilon_last: float = 100.0
    """Where epsilon stops growing."""
    threshold: float = 0.99
    """Epsilon grows when the weight of every chunk is above this."""
    chunks: int = 32
    """Parts of equally many points that the time is cut into."""

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
        inside = batch if isinstance(batch, int) else problem.interior_points
        self._check_points(problem.grid_size[0] if isinstance(inside, str) else inside)

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

    @no_grad
    def factors(
        self,
        state: State,
        name: str,
        squares: Float[Tensor, "m n"],
        points: Float[Tensor, "#m n d"],
        problem: Problem,
    ) -> Float[Tensor, "m n"] | None:
        """Every point's factor is w_i n / (c n_i), in a chunk of n_i; epsilon may go on."""
        if name != "residual":
            return None
        time = points[..., problem.coordinates.index("t")]
        order = time.argsort(dim=1, stable=True).expand(squares.shape)
        n = squares.shape[1]
        first, counts = _chunks(n, self.chunks, squares.device)
        losses = _means(squares.gather(1, order), first, counts)
        before = torch.cat([torch.zeros_like(losses[:, :1]), losses[:, :-1].cumsum(1)], dim=1)
        epsilon = state["epsilon"]
        weights = (-epsilon * before).exp()
        grown = (epsilon * self.epsilon_factor).clamp_max(self.epsilon_last)
        over = weights.amin(1, keepdim=True) > self.threshold
        state["epsilon"].copy_(torch.where(over, grown, epsilon))
        shares = weights * (n / (self.chunks * counts.double()))
        ranked = shares.repeat_interleave(counts, dim=1, output_size=n)
        return torch.zeros_like(squares).scatter_(1, order, ranked.to(squares.dtype))


def _chunks(
    n: int, chunks: int, device: "torch.device"
) -> tuple[Int[Tensor, " c"], Int[Tensor, " c"]]:
    """The first of every chunk's points in the order of time, and their number."""
    edges = (torch.arange(chunks + 1, device=device) * n + chunks - 1) // chunks
    return edges[:-1], edges.diff()


def _means(
    ranked: Float[Tensor, "m n"], first: Int[Tensor, " c"], counts: Int[Tensor, " c"]
) -> Float[Tensor, "m c"]:
    """Mean over every chunk of points that are sorted by time, in float64."""
    n, most = ranked.shape[1], -(-ranked.shape[1] // len(counts))
    place = torch.arange(most, device=ranked.device)
    table = ranked[:, (first[:, None] + place).clamp_max(n - 1)]
    table = torch.where(place < counts[:, None], table, 0.0)
    return table.sum(2, dtype=torch.float64) / counts
