"""How a pack's loss terms are weighed against each other, step by step."""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives import Batch, Evaluation, Term
from pinn_core.objectives.tangent_kernel import traces
from pinn_core.objectives.term import Factors, no_factors
from pinn_core.training.returned import returned
from pinn_core.training.state import State
from pinn_core.vectors.rows import weighted_sum
from pinn_core.weightings import Fixed, View, Weighting


class LossWeights:
    """The terms' weights of every member and, where the weighting has them, factors of points.

    ``State.weights`` holds the weights, in the order of ``terms``, ``State.weighting``
    what the weighting remembers; both are read and set here. It serves one state: where another
    takes its place, another ``LossWeights`` does. ``seeds`` are the members'.
    """

    def __init__(
        self,
        disc: Discretization,
        weighting: Weighting,
        terms: Sequence[Term],
        state: State,
        seeds: Sequence[int] = (),
    ) -> None:
        self.terms = terms
        self.names = tuple(term.name for term in terms)
        self._disc, self._state, self._seeds = disc, state, seeds
        weighed = any(term.origin == "equation" for term in terms)
        self._weighting = weighting if weighed else Fixed()
        self._asked: dict[str, Tensor | None] = {}
        self._set(state.weights)

    def start(self, batch: Batch) -> None:
        """Begin the weighting anew, on batches like this one."""
        sizes = {term.name: len(batch[term.points]) for term in self.terms}
        self._state.weighting = self._weighting.start(sizes, self._state.weights)
        first = self._weighting.first(self._state.weights, self._state.step)
        self._set(returned(self._weighting, "first", first, self.table))

    def _set(self, weights: Float[Tensor, "t m"]) -> None:
        self._state.weights = weights
        self._rounded = weights.to(self._disc.dtype)

    @property
    def table(self) -> Float[Tensor, "t m"]:
        """The weights in float64."""
        return self._state.weights

    @property
    def rounded(self) -> Float[Tensor, "t m"]:
        """The weights in the precision of the training, by which gradients are summed."""
        return self._rounded

    @property
    def weighs_points(self) -> bool:
        """Whether points have factors."""
        return self._weighting.weighs_points

    @property
    def factors(self) -> Factors:
        """The factors of a step's points; asking for them may change the state."""
        if not self._weighting.weighs_points:
            return no_factors
        problem = self._disc.problem

        def asked(name: str, squares: Tensor, points: Tensor) -> Tensor | None:
            found = self._weighting.factors(self._state.weighting, name, squares, points, problem)
            if found is not None:
                found = returned(self._weighting, "factors", found, squares)
            self._asked[name] = found
            return found

        return asked

    def factors_again(self, members: Sequence[int]) -> Factors:
        """The factors that were asked for last, for some members."""
        if not self._asked:
            return no_factors

        def known(name: str, squares: Tensor, points: Tensor) -> Tensor | None:  # noqa: ARG001
            found = self._asked.get(name)
            return None if found is None else found[list(members)]

        return known

    @property
    def factors_of_points(self) -> dict[str, Float[Tensor, "m n"]]:
        """The factors that were asked for last, by term; of terms that have none, nothing."""
        return {name: found for name, found in self._asked.items() if found is not None}

    def total(
        self, evaluation: Evaluation, members: Sequence[int] | slice = slice(None)
    ) -> tuple[Float[Tensor, " m"], Float[Tensor, "m p"]]:
        """The weighted sum of the terms, and its gradient, of all or some members."""
        terms = [evaluation.terms[name] for name in self.names]
        gradient = weighted_sum(
            [term.gradient for term in terms], self._rounded[:, members], self._disc.backend
        )
        losses = torch.stack([term.loss for term in terms], dim=1)
        loss: Tensor = (self.table[:, members].T * losses).sum(1)
        return loss, gradient

    def parts(self, evaluation: Evaluation) -> list[Float[Tensor, "m p"]]:
        """The terms' gradients with their weights, in the order of ``names``."""
        gradients = [evaluation.terms[name].gradient for name in self.names]
        return [
            weight[:, None] * gradient
            for weight, gradient in zip(self._rounded, gradients, strict=True)
        ]

    def due(self, step: int) -> bool:
        """Whether the weights are set anew after the update that leaves row ``step``."""
        return self._weighting.due(step)

    def evaluates(self, step: int) -> bool:
        """Whether that takes an evaluation."""
        return self._weighting.evaluates and self.due(step)

    def next_due(self, step: int, last: int) -> int:
        """The first row after this one with such an update, ``last`` if there is none before it."""
        if not self._weighting.adaptive:
            return last
        return next((row for row in range(step + 1, last) if self.due(row)), last)

    def update(
        self, parameters: Float[Tensor, "m p"], batch: Batch, evaluation: Evaluation | None
    ) -> None:
        """Set the weights anew, from an evaluation at the updated parameters if it takes one."""
        terms = [evaluation.terms[name] for name in self.names] if evaluation else []
        unknown = torch.full_like(self.table, torch.nan)
        matrices, biases = zip(*self._disc.stack.places(), strict=True)
        view = View(
            self.names,
            torch.stack([term.loss for term in terms]) if terms else unknown,
            [term.gradient for term in terms],
            self.table,
            matrices,
            biases,
            self._disc.size,
            partial(traces, self._disc, parameters, batch, self.terms),
            self._seeds,
            self._state.step,
        )
        found = self._weighting.update(self._state.weighting, view)
        self._set(returned(self._weighting, "update", found, self.table).double())
