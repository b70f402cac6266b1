"""What an objective is: named loss terms on a batch, each with its own gradient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.field import Cloud, Field
from pinn_core.randomness import generator
from pinn_core.registry import Registry

Batch = Mapping[str, Cloud]


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


def mean_square(difference: Float[Tensor, "m n k"]) -> Float[Tensor, " m"]:
    """Per member: mean over points of the squares, summed over components."""
    return difference.square().flatten(1).sum(1) / difference.shape[1]


def term(loss: Float[Tensor, " m"], parameters: Float[Tensor, "m p"]) -> Term:
    """A loss with its gradient; members do not mix, so one reverse pass serves all."""
    (gradient,) = torch.autograd.grad(loss.sum(), parameters)
    return Term(loss.detach(), gradient)


def residual_term(
    field: Field, parameters: Float[Tensor, "m p"], cloud: Cloud
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """Mean squared residual, and the values at the same points."""
    values, residual = field.residual(parameters, cloud)
    return term(mean_square(residual), parameters), values.detach()


def boundary_term(
    field: Field, parameters: Float[Tensor, "m p"], cloud: Cloud
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """Mean squared mismatch with the conditions, and the values at the same points."""
    values = field.values(parameters, cloud)
    return term(mean_square(values - cloud.target), parameters), values.detach()


def draw(cloud: Cloud, count: int, seeds: Sequence[int], purpose: str, step: int) -> Cloud:
    """``count`` points of the cloud for each seed, independently and uniformly drawn."""
    rows = [generator(seed, purpose, step).integers(0, len(cloud), count) for seed in seeds]
    return cloud.take(np.stack(rows))
