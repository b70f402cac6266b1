"""What weightings see, without a network: a problem's coordinates, and numbers as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pinn_core import Heat
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives import Batch
from pinn_core.objectives.terms import fit_term, problem_terms
from pinn_core.training.loss_weights import LossWeights
from pinn_core.training.state import State
from pinn_core.weightings import Weighting


class Timed(Heat):
    """The heat equation as weightings see it: coordinates."""

    conditions = {}  # noqa: RUF012
    operators = ()


class Steady(Timed):
    kind = "helmholtz"
    coordinates = ("x", "y")


HEAT, STEADY = Timed(), Steady()


def row(numbers: Sequence[float]) -> Tensor:
    return torch.tensor([numbers], dtype=torch.float64)


def weighed(
    disc: Discretization, weighting: Weighting, weights: Mapping[str, Tensor], batch: Batch
) -> LossWeights:
    """The loss weights of a pack that begins with these, of which nothing else is there."""
    table = torch.stack([*weights.values()])
    nothing = torch.zeros(table.shape[1], 0)
    state = State(
        members=[*range(table.shape[1])],
        parameters=nothing,
        initial=nothing,
        previous_update=nothing,
        weights=table,
        seconds=torch.zeros(0),
    )
    terms = {term.name: term for term in (*problem_terms(disc), fit_term(disc))}
    loss_weights = LossWeights(disc, weighting, [terms[name] for name in weights], state)
    loss_weights.start(batch)
    return loss_weights


def random(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.manual_seed(seed)).to(dtype)
