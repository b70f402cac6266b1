"""What an objective is: named loss terms on a batch, each with its own gradient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives.terms import Factors, Term, no_factors
from pinn_core.registry import Registry

Batch = Mapping[str, PointSet]


@dataclass(frozen=True)
class Evaluation:
    """All terms on one batch, and the networks' values at the batch's points (by point set)."""

    terms: Mapping[str, Term]
    values: Mapping[str, Float[Tensor, "m n k"]]


@runtime_checkable
class Batches(Protocol):
    """The batches of a pack, step by step."""

    @property
    def fixed(self) -> bool:
        """Whether every step has the same points."""

    def at(self, step: int) -> Batch:
        """The points of this step."""


@runtime_checkable
class Objective(Protocol):
    """The contract of every file in this folder: a frozen dataclass of hyperparameters."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]

    @property
    def batch(self) -> int | Literal["full"]:
        """Points per step, or all of them."""

    def weights(self, disc: Discretization) -> Mapping[str, float]:
        """Weight of each term's mean in what is optimised; an adaptive weighting starts there."""

    def batches(self, disc: Discretization, seeds: Sequence[int]) -> Batches:
        """Where the batches of members with these seeds come from."""

    def evaluate(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        batch: Batch,
        factors: Factors = no_factors,
    ) -> Evaluation:
        """Terms and gradients on a batch."""


OBJECTIVES: Registry[Objective] = Registry("objective")
