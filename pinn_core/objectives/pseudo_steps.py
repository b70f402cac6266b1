"""Batches that know what the networks were before the last update: for steps in a pseudo-time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives.objective import evaluate
from pinn_core.objectives.terms import problem_terms
from pinn_core.samplers import Batch, Batches, Heeding
from pinn_core.samplers.sampler import Tensors
from pinn_core.tensors import Tensor, torch

WEIGHT, PREVIOUS = "pseudo/weight", "pseudo/previous"
"""Tables of interior points: every equation's weight with its sign, and the values before."""
HERE, BEFORE, WEIGHTS, FIRST = (f"pseudo/{name}" for name in ("here", "before", "weights", "first"))
"""What is kept: the latest step's parameters and those before, the weights, the first loss."""
KEPT, LEAST, MOST, GUARD = 0.9, 1e-2, 1e2, 1e-8
"""Of a new weight: the old one's share, its bounds, and what keeps from dividing by zero."""
LAST_PHI, DECADES = 0.1, (2.0, 6.0)
"""Where phi ends, and the decades of the loss within which it falls there from 1."""


def with_pseudo_steps(
    batches: Batches,
    disc: Discretization,
    signs: Sequence[float],
    rule: tuple[float, int],
    state: Tensors,
) -> Batches:
    """The batches with both tables; ``rule`` is the first weight, and how often it changes."""
    kind = _HeedingSteps if isinstance(batches, Heeding) else PseudoSteps
    return kind(batches, disc, tuple(signs), *rule, state)


@dataclass(frozen=True)
class PseudoSteps:
    """Another's batches; ``at`` must be asked once for each step, with its parameters.

    Only step 0, whose u_prev is u, may be asked for again. Without parameters the batches are as
    they were.
    """

    batches: Batches
    disc: Discretization
    signs: tuple[float, ...]
    weight: float
    every: int
    state: Tensors

    @property
    def fixed(self) -> bool:
        """Never: the tables change."""
        return False

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:
        """The points of this step; its interior ones know w and u_prev."""
        batch = self.batches.at(step, parameters)
        if parameters is None:
            return batch
        self._remember(step, parameters, batch)
        inside = batch["interior"]
        previous = self.disc.values(self.state[BEFORE], inside)
        weights = self.state[WEIGHTS] * self.state[WEIGHTS].new_tensor(self.signs)
        tables = {name: inside[name] for name in inside.tables}
        tables[WEIGHT] = weights.to(previous.dtype)[:, None].expand_as(previous)
        return {**batch, "interior": PointSet({**tables, PREVIOUS: previous})}

    def _remember(self, step: int, parameters: Float[Tensor, "m p"], batch: Batch) -> None:
        """Take these parameters for those of a step, and the latest ones for those before."""
        state, here = self.state, parameters.clone()
        begun = step > 0 and HERE in state
        state[BEFORE] = state[HERE] if begun else here
        state[HERE] = here
        if not begun:
            shape = len(parameters), len(self.signs)
            state[WEIGHTS] = torch.full(
                shape, self.weight, dtype=torch.float64, device=parameters.device
            )
            if self.every:
                state[FIRST] = self._loss(batch)
        elif self.every and step % self.every == 0:
            self._adapt(batch)

    def _adapt(self, batch: Batch) -> None:
        """A step of the weights towards |r - r_prev| / |u - u_prev|."""
        state, inside = self.state, batch["interior"]
        here, before = (self.disc.residual(state[name], inside) for name in (HERE, BEFORE))
        of_values, of_residuals = (
            _lengths(one - other) for one, other in zip(here, before, strict=True)
        )
        ratio = of_residuals / (of_values + GUARD)
        new = (self._phi(batch)[:, None] * ratio).clamp(LEAST, MOST)
        state[WEIGHTS] = KEPT * state[WEIGHTS] + (1 - KEPT) * new

    def _phi(self, batch: Batch) -> Float[Tensor, " m"]:
        """From 1 to ``LAST_PHI`` while the loss falls by so many decades."""
        fallen = (self.state[FIRST] / self._loss(batch)).log10()
        first, last = DECADES
        share = ((fallen - first) / (last - first)).clamp(0.0, 1.0)
        return LAST_PHI + (1 - LAST_PHI) * (1 + (math.pi * share).cos()) / 2

    def _loss(self, batch: Batch) -> Float[Tensor, " m"]:
        """The sum of the terms' losses without weights, at the present parameters."""
        terms = problem_terms(self.disc)
        found = evaluate(terms, self.disc, self.state[HERE], batch).terms.values()
        return torch.stack([each.loss for each in found]).sum(0)


class _HeedingSteps(PseudoSteps):
    """The same where the sampler wants a step's residuals."""

    def heed(self, squares: Float[Tensor, "m n"]) -> None:
        assert isinstance(self.batches, Heeding)
        self.batches.heed(squares)


def _lengths(table: Float[Tensor, "m n k"]) -> Float[Tensor, "m k"]:
    """Over all points, in float64; one member after the other, so that a pack changes no bit."""
    return torch.stack([own.double().square().sum(0) for own in table]).sqrt()
