"""What an objective is: named loss terms on a batch, each with its own gradient."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from pinn_core.field import Cloud, Field
from pinn_core.problems import Problem
from pinn_core.randomness import generator
from pinn_core.registry import Registry
from pinn_core.squares import misfit

Batch = Mapping[str, Cloud]
DRAWN_TOGETHER = 1 << 14
"""Points that are drawn at once, for as many steps as they serve: a generator costs more."""


@dataclass(frozen=True)
class Term:
    """A loss term of every member: its mean over the points and its gradient."""

    loss: Float[Tensor, " m"]
    gradient: Float[Tensor, "m p"]


@dataclass(frozen=True)
class Evaluation:
    """All terms on one batch, and the networks' values at the batch's points (by cloud)."""

    terms: Mapping[str, Term]
    values: Mapping[str, Float[Tensor, "m n k"]]


@runtime_checkable
class Objective(Protocol):
    """The contract of every file in this folder; a frozen dataclass whose fields are its knobs."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]

    @property
    def batch(self) -> int | Literal["full"]:
        """Points per step, or all of them."""

    def weights(self, field: Field) -> Mapping[str, float]:
        """Weight of each term's mean in what is optimised, fixed for the run."""

    def batch_at(self, field: Field, seeds: Sequence[int], step: int) -> Batch:
        """The clouds of this step; the same object at every step if the batch is full."""

    def evaluate(self, field: Field, parameters: Float[Tensor, "m p"], batch: Batch) -> Evaluation:
        """Terms and gradients on a batch."""


OBJECTIVES: Registry[Objective] = Registry("objective")


def residual_term(
    field: Field, parameters: Float[Tensor, "m p"], cloud: Cloud
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """Mean squared residual, and the values at the same points."""
    way = field.carry(parameters, cloud, field.operators)
    residual, to_channels = _residual(field.problem, way.channels, cloud.coordinates)
    nothing = residual.new_zeros(1, *residual.shape[1:])
    loss, slope = misfit(residual, nothing, field.backend)
    return Term(loss, way.reverse(to_channels(slope))), way.channels[:, 0]


def _residual(
    problem: Problem, channels: Tensor, points: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Residuals, and how an adjoint of them becomes one of the channels."""
    if problem.linear:  # what autograd would give, for a tenth of a small network's step less

        def placed(slope: Tensor) -> Tensor:
            adjoint = torch.zeros_like(channels)
            adjoint[:, 1:] = slope.mT[..., None]
            return adjoint

        return problem.residual(channels, points), placed
    with torch.enable_grad():
        own = channels.detach().requires_grad_()
        residual = problem.residual(own, points)
    return residual.detach(), lambda slope: torch.autograd.grad(residual, own, slope)[0]


def fit_term(
    field: Field, parameters: Float[Tensor, "m p"], cloud: Cloud, demanded: Float[Tensor, "#m n k"]
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """Mean squared distance from what is demanded at the cloud's points, and the values there."""
    way = field.carry(parameters, cloud)
    values = way.channels[:, 0]
    loss, slope = misfit(values, demanded, field.backend)
    return Term(loss, way.reverse(slope[:, None])), values


def draw(cloud: Cloud, count: int, seeds: Sequence[int], purpose: str, step: int) -> Cloud:
    """``count`` points of the cloud for each seed, independently and uniformly drawn.

    A generator is keyed by the first of the steps that it serves.
    """
    together = max(1, DRAWN_TOGETHER // count)
    first = step - step % together
    rows = _drawn(len(cloud), count, tuple(seeds), purpose, first, together)[step - first]
    return cloud.at(torch.from_numpy(rows).to(cloud.known.coordinates.device))


@lru_cache(maxsize=4)
def _drawn(
    among: int, count: int, seeds: tuple[int, ...], purpose: str, first: int, together: int
) -> Int[ndarray, "steps m n"]:
    each = [generator(seed, purpose, first).integers(0, among, (together, count)) for seed in seeds]
    return np.stack(each, axis=1)
