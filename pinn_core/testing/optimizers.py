"""Optimizers: down a bowl, member by member, at a cost that they state."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.stack import Stack
from pinn_core.optimizers import Optimizer, StepContext
from pinn_core.testing.said import demand
from pinn_core.training.returned import returned

STEPS = 300
CURVATURE = (1.0, 10.0, 100.0)


def check_optimizer(optimizer: Optimizer) -> None:
    """Its updates lower a quadratic loss, its state has a row for each member, its cost is said.

    Learning rates are 0.01 where they are not the first trial of a search.
    """
    name = optimizer.kind
    cost = optimizer.cost(Stack((2, 8, 1), ACTIVATIONS["tanh"]))
    sound = cost.evaluations >= 1 and cost.flops >= 0 and cost.numbers >= 0
    demand(sound, f"{name}: its cost {cost} is not one")
    bowl = _Bowl(torch.full((2, len(CURVATURE)), 0.3))
    settings, state = _settings(optimizer), optimizer.start(bowl.theta)
    rows = {key: len(table) for key, table in state.items() if len(table) != len(bowl.theta)}
    demand(not rows, f"{name}: its state must have a row for each member, found {rows}")
    said = optimizer.state_bytes(bowl.theta.shape[1], "float32")
    made = sum(tensor.nbytes for tensor in state.values()) // len(bowl.theta)
    demand(said == made, f"{name}: its state takes {made} bytes a member, it says {said}")
    state |= optimizer.start_terms(bowl.theta, 1)
    before = bowl.loss
    for step in range(STEPS):
        update = optimizer.update(settings, state, bowl.context(), step)
        bowl.theta = bowl.theta + returned(optimizer, "update", update, bowl.theta)
    demand(
        bool((bowl.loss < 0.1 * before).all()),
        f"{name}: {STEPS} steps lowered a bowl's loss from {before[0]:.3g} to {bowl.loss[0]:.3g}"
        " only",
    )


def _settings(optimizer: Optimizer) -> dict[str, Tensor]:
    """Of two members: its own, but small learning rates and no decay of weights."""
    settings = {
        field: torch.full((2, 1), float(getattr(optimizer, field)))
        for field in optimizer.per_member
    }
    for field, values in settings.items():
        if field.endswith("learning_rate") and not optimizer.searches:
            values.fill_(1e-2)
        elif field == "weight_decay":
            values.zero_()
    return settings


class _Bowl:
    """Two members in the bowl sum_j c_j theta_j^2 / 2, as a loss and as a sum of squares."""

    def __init__(self, theta: Tensor) -> None:
        self.theta = theta
        self._curvature = torch.tensor([CURVATURE] * len(theta))

    @property
    def loss(self) -> Tensor:
        return self._evaluate(self.theta, (0, 1))[0]

    def context(self) -> StepContext:
        """All that an optimizer may ask for, at the parameters as they are now."""
        return StepContext(
            self.theta,
            *self._evaluate(self.theta, (0, 1)),
            self._evaluate,
            products=lambda vectors, members: self._curvature[list(members)] * vectors,
            residuals=self._residuals,
            rows=lambda at, members: self._roots(members) * at,
            last_layer=self._by_last,
            last_place=slice(len(CURVATURE) - 1, len(CURVATURE)),
            seeds=(0, 1),
        )

    def _evaluate(self, theta: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        curvature = self._curvature[list(members)]
        return 0.5 * (curvature * theta.square()).sum(1, dtype=torch.float64), curvature * theta

    def _roots(self, members: Sequence[int]) -> Tensor:
        return (self._curvature[list(members)] / 2).sqrt()

    def _residuals(self, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        roots = self._roots(members)
        return roots * self.theta[list(members)], torch.diag_embed(roots)

    def _by_last(self, at: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The residuals without the last parameter, and their slopes by it."""
        roots = self._roots(members)
        shown = torch.arange(len(CURVATURE)) < len(CURVATURE) - 1
        return roots * at * shown, (roots * ~shown)[..., None]
