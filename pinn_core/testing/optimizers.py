"""Optimizers: down a bowl, member by member, at a cost that they state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.stack import Stack
from pinn_core.optimizers import Optimizer, StepContext
from pinn_core.testing.said import demand

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
    curvature = torch.tensor([CURVATURE] * 2)

    def evaluate(theta: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        own = curvature[list(members)]
        return 0.5 * (own * theta.square()).sum(1, dtype=torch.float64), own * theta

    def products(vectors: Tensor, members: Sequence[int]) -> Tensor:
        return curvature[list(members)] * vectors

    def residuals(members: Sequence[int]) -> tuple[Tensor, Tensor]:
        roots = (curvature[list(members)] / 2).sqrt()
        return roots * theta[list(members)], torch.diag_embed(roots)

    def residuals_at(at: Tensor, members: Sequence[int]) -> Tensor:
        return (curvature[list(members)] / 2).sqrt() * at

    def by_last(at: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        roots = (curvature[list(members)] / 2).sqrt()
        shown = torch.arange(len(CURVATURE)) < len(CURVATURE) - 1
        return roots * at * shown, (roots * ~shown)[..., None]

    theta = torch.full((2, len(CURVATURE)), 0.3)
    settings = {
        field: torch.full((2, 1), float(getattr(optimizer, field)))
        for field in optimizer.per_member
    }
    for field in settings:
        if field.endswith("learning_rate") and not optimizer.searches:
            settings[field].fill_(1e-2)
    if "weight_decay" in settings:
        settings["weight_decay"].zero_()
    state = optimizer.start(theta)
    rows = {key: len(table) for key, table in state.items() if len(table) != len(theta)}
    demand(not rows, f"{name}: its state must have a row for each member, found {rows}")
    said, made = optimizer.state_bytes(theta.shape[1], "float32"), _bytes(state) // len(theta)
    demand(said == made, f"{name}: its state takes {made} bytes a member, it says {said}")
    state |= optimizer.start_terms(theta, 1)
    before = evaluate(theta, (0, 1))[0]
    for step in range(STEPS):
        context = StepContext(
            theta,
            *evaluate(theta, (0, 1)),
            evaluate,
            products=products,
            residuals=residuals,
            rows=residuals_at,
            last_layer=by_last,
            last_place=slice(len(CURVATURE) - 1, len(CURVATURE)),
            seeds=(0, 1),
        )
        theta = theta + optimizer.update(settings, state, context, step)
    after = evaluate(theta, (0, 1))[0]
    demand(
        bool((after < 0.1 * before).all()),
        f"{name}: {STEPS} steps lowered a bowl's loss from {before[0]:.3g} to {after[0]:.3g} only",
    )


def _bytes(state: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in state.values())
