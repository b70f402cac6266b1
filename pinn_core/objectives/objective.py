"""What an objective is: named loss terms on a batch, each with its own gradient."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.operators import Operator
from pinn_core.objectives.term import Factors, LossGradient, Term, no_factors
from pinn_core.observations import Observations
from pinn_core.parts import Family, Part
from pinn_core.problems import Problem
from pinn_core.samplers import Batch, Batches
from pinn_core.samplers.sampler import Tensors
from pinn_core.tensors import Tensor, torch


@dataclass(frozen=True)
class Evaluation:
    """All terms on one batch, and the networks' values at the batch's points (by point set).

    Where one term's gradient was asked for, those of the others are zero.
    """

    terms: Mapping[str, LossGradient]
    values: Mapping[str, Float[Tensor, "m n k"]]


def evaluate(
    terms: Sequence[Term],
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    batch: Batch,
    factors: Factors = no_factors,
    turn: int | None = None,
) -> Evaluation:
    """Losses and gradients on a batch; where points are disjoint, all cost what one would.

    ``turn`` is the place of the only term whose gradient is wanted; None: all are.
    """
    losses, values = {}, {}
    for place, term in enumerate(terms):
        asked = disc, parameters, batch[term.points], factors
        if turn is None or turn == place:
            losses[term.name], values[term.points] = term.loss_and_gradient(*asked)
        else:
            loss, values[term.points] = term.loss(*asked)
            losses[term.name] = LossGradient(loss, torch.zeros_like(parameters))
    return Evaluation(losses, values)


class Objective(Part):
    """The base of every objective: a frozen dataclass whose fields are its hyperparameters."""

    solves: ClassVar[bool] = True
    """Whether the equation and the conditions are among its terms, which then are weighed."""
    recorded_apart: ClassVar[bool] = False
    """Whether what is squared at a step's points depends on the step, and not elsewhere: then a
    step's losses and gradients are not those that are recorded."""

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

    @property
    def l2(self) -> float:
        """Factor of the sum of squares of the network's weights that is optimised, too."""
        return 0.0

    def check(self, problem: Problem) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where the problem cannot serve."""
        return

    @abstractmethod
    def terms(self, disc: Discretization) -> tuple[Term, ...]:
        """What is summed, with weights, to what is optimised; the equation's term is the first."""

    def operators(self, problem: Problem) -> tuple[Operator, ...]:
        """What the equation's term asks of the networks besides their values."""
        return problem.operators

    def squares(self, problem: Problem) -> int:
        """How many numbers the equation's term squares at a point; an estimate for planning."""
        return problem.outputs

    def compared_terms(self, disc: Discretization) -> tuple[Term, ...]:
        """The equation's term, and then those whose gradients are compared with its gradient.

        They are recorded, whether or not they are trained.
        """
        return self.terms(disc)

    @abstractmethod
    def weights(self, disc: Discretization) -> Mapping[str, float]:
        """Weight of each term's mean in what is optimised; an adaptive weighting starts there."""

    def data_weights(
        self,
        disc: Discretization,  # noqa: ARG002
        observations: Sequence[Observations],
    ) -> Mapping[str, float]:
        """Weight of each term of a member's observations."""
        return {each.name: each.weight for each in observations}

    @abstractmethod
    def batches(
        self, disc: Discretization, seeds: Sequence[int], state: Tensors | None = None
    ) -> Batches:
        """Where the batches of members with these seeds come from.

        ``state`` is what a sampler keeps (``Sampler.batches``); without it nothing is kept.
        """

    def evaluate(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        batch: Batch,
        factors: Factors = no_factors,
    ) -> Evaluation:
        """Losses and gradients of its terms on a batch."""
        return evaluate(self.terms(disc), disc, parameters, batch, factors)


OBJECTIVES: Family[type[Objective]] = Family("objective", Objective)
