"""What an objective is: named loss terms on a batch, each with its own gradient."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives.terms import Factors, Term, no_factors
from pinn_core.parts import Family, Part
from pinn_core.problems import Problem

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


class Objective(Part):
    """The contract of every file in this folder: a frozen dataclass of hyperparameters."""

    solves: ClassVar[bool] = True
    """Whether its terms are the equation's residual and the conditions, which are weighed."""

    @property
    @abstractmethod
    def batch(self) -> int | Literal["full"]:
        """Points per step, or all of them."""

    @property
    def points(self) -> str:
        """Where a batch comes from: the grid's points, or others."""
        return "grid"

    @property
    def fixed_points(self) -> bool:
        """Whether every step has the same points."""
        return True

    @property
    def condition_batch(self) -> int | None:
        """Points of a condition's segment in a batch off the grid; None: as many as inside."""
        return None

    def check(self, problem: Problem) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where the problem cannot serve."""
        return

    @abstractmethod
    def weights(self, disc: Discretization) -> Mapping[str, float]:
        """Weight of each term's mean in what is optimised; an adaptive weighting starts there."""

    @abstractmethod
    def batches(self, disc: Discretization, seeds: Sequence[int]) -> Batches:
        """Where the batches of members with these seeds come from."""

    @abstractmethod
    def evaluate(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        batch: Batch,
        factors: Factors = no_factors,
    ) -> Evaluation:
        """Terms and gradients on a batch."""


OBJECTIVES: Family[type[Objective]] = Family("objective", Objective)
