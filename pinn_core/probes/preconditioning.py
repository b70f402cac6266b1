"""A square root of the inverse Hessian H that L-BFGS carries, made of its stored pairs (s, y).

With B the inverse of H and w = y / (s . y) - B s / sqrt((s . y) (s . B s)), a pair makes of H
(I - s w^T) H (I - w s^T): the product form of BFGS (Brodlie, Gourlay and Greenstadt 1973). So
H = L L^T, L being a product of such factors, and L^T A L has the eigenvalues of H A: those of a
Hessian A as L-BFGS sees it. Rathore et al. 2024 (section 5 and appendix) unroll a factor with one
more column for each pair, which gives the same eigenvalues and as many zeros more.
"""

from collections.abc import Sequence

from jaxtyping import Float, Int

from pinn_core.optimizers.optimizer import Optimizer, State
from pinn_core.probes.hessian import Product
from pinn_core.tensors import Tensor, torch

PAIRS = frozenset({"steps", "differences", "pairs", "scale"})
"""What a state of ``pinn_core.optimizers.two_loop`` has."""


def keeps_pairs(phases: Sequence[Optimizer]) -> bool:
    """Whether some phase's state holds pairs."""
    return any(phase.keeps_pairs for phase in phases)


def holds_pairs(state: State) -> bool:
    """Whether this state holds pairs."""
    return state.keys() >= PAIRS


class Root:
    """L of every member: sqrt(scale), then I - s w^T for each pair, the oldest first.

    ``stretches`` are the factors' 1 - w . s. A pair that a member lacks is zeros there, and 1.
    """

    def __init__(self, scale: Float[Tensor, "m 1"]) -> None:
        self.scale = scale
        self.steps: list[Tensor] = []
        self.others: list[Tensor] = []
        self.stretches: list[Tensor] = []

    def times(self, vectors: Float[Tensor, "m p"]) -> Float[Tensor, "m p"]:
        """L v."""
        found = vectors * self.scale.sqrt()
        for step, other in zip(self.steps, self.others, strict=True):
            found = found - step * inner(other, found)
        return found

    def transposed_times(self, vectors: Float[Tensor, "m p"]) -> Float[Tensor, "m p"]:
        """L^T v."""
        found = vectors
        for step, other in zip(self.steps[::-1], self.others[::-1], strict=True):
            found = found - other * inner(step, found)
        return found * self.scale.sqrt()

    def between(self, product: Product, vectors: Float[Tensor, "m p"]) -> Float[Tensor, "m p"]:
        """L^T A L v, where ``product`` gives A v."""
        return self.transposed_times(product(self.times(vectors)))

    def add(self, step: Float[Tensor, "m p"], difference: Float[Tensor, "m p"]) -> None:
        """Take one more pair, the newest; left out where s . y is not above zero."""
        curvature = inner(step, difference)
        back = self._solved(step)
        length = inner(back, back)  # s B s, which so is never negative
        kept = curvature > 0
        other = difference / curvature
        other = other - self._solved_transposed(back) / (curvature * length).sqrt()
        self.steps.append(torch.where(kept, step, 0.0))
        self.others.append(torch.where(kept, other, 0.0))
        self.stretches.append(torch.where(kept, (length / curvature).sqrt(), 1.0))

    def _solved(self, vectors: Tensor) -> Tensor:
        """L^-1 v."""
        found = vectors
        for place in reversed(range(len(self.steps))):
            along = inner(self.others[place], found) / self.stretches[place]
            found = found + self.steps[place] * along
        return found / self.scale.sqrt()

    def _solved_transposed(self, vectors: Tensor) -> Tensor:
        """L^-T v."""
        found = vectors / self.scale.sqrt()
        for step, other, stretch in zip(self.steps, self.others, self.stretches, strict=True):
            found = found + other * (inner(step, found) / stretch)
        return found


def root_of(state: State, own: slice) -> Root:
    """The root of these members' inverse Hessians, in float64, from a state that holds pairs.

    It is exact for the pairs as they are stored; of pairs of float32 the difference y of two
    gradients has the gradients' rounding, about 1e-7 |gradient| / |y| of itself.
    """
    pairs = state["pairs"][own]
    history = state["steps"].shape[1]
    used = int(pairs.max().clamp(max=history))
    slots = _oldest_first(pairs, history)[:, :used]
    members = torch.arange(len(pairs), device=slots.device)
    root = Root(state["scale"][own].double()[:, None])
    for slot in slots.unbind(1):
        step, difference = (
            state[name][own][members, slot].double() for name in ("steps", "differences")
        )
        root.add(step, difference)
    return root


def _oldest_first(pairs: Int[Tensor, " m"], history: int) -> Int[Tensor, "m history"]:
    """The slots of every member's pairs in the order of their age, empty slots last."""
    places = torch.arange(history, device=pairs.device)
    turned = (pairs[:, None] + places) % history
    return torch.where(pairs[:, None] < history, places, turned)


def inner(left: Float[Tensor, "m p"], right: Float[Tensor, "m p"]) -> Float[Tensor, "m 1"]:
    """Inner products of rows, as columns."""
    return (left * right).sum(1, keepdim=True)
