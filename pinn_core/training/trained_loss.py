"""The loss that a pack is trained on: its terms on a step's points, their weights, its penalty."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from pinn_core.configuration import Configuration
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives import Evaluation, evaluate
from pinn_core.objectives.term import Factors, no_factors
from pinn_core.optimizers import Optimizer, StepContext
from pinn_core.training.heeding import heeded
from pinn_core.training.hessian_products import HessianProducts
from pinn_core.training.line_search_cache import LineSearchCache, joined
from pinn_core.training.loss_weights import LossWeights
from pinn_core.training.penalty import Penalty
from pinn_core.training.residual_rows import ResidualRows
from pinn_core.training.state import State


class TrainedLoss:
    """The loss of a pack's members in one stage, and what is evaluated of it.

    ``batch`` holds the points of the step that was prepared last. Like its ``weights`` it serves
    one state: where another takes its place, another ``TrainedLoss`` does.
    """

    def __init__(
        self,
        disc: Discretization,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        state: State,
    ) -> None:
        configuration = configurations[0]
        self._disc, self._seeds, self._state = disc, seeds, state
        self.batches = configuration.objective.batches(disc, seeds, state.sampler)
        self.batch: dict[str, PointSet] = {}
        self.terms = configuration.objective.terms(disc)
        self.weights = LossWeights(disc, configuration.weighting, self.terms, state, seeds)
        factors = [member.objective.l2 for member in configurations]
        self.penalty = Penalty(disc, factors) if any(factors) else None
        self.line_searches = self._line_search_cache(configuration.phases)
        self._matrices = disc.stack.matrices()
        self._hidden_matrices = disc.stack.hidden_matrices()
        self._last_place = disc.stack.last_layer()

    def _line_search_cache(self, phases: Sequence[Optimizer]) -> LineSearchCache | None:
        """Where to keep what line searches find, if that is all that an evaluation finds."""
        searches = any(phase.searches for phase in phases)
        same = self.batches.fixed and self.weights.factors is no_factors
        return LineSearchCache() if searches and same else None

    def start(self) -> None:
        """Begin the weighting anew, at the state's parameters."""
        self.weights.start(self.batches.at(0, self._state.parameters))

    def prepare(self, step: int, *, in_place: bool) -> None:
        """Take the points of this step; ``in_place``: where a graph reads those of every step."""
        if self.batch and self.batches.fixed:
            return
        batch = dict(self.batches.at(step, self._state.parameters))
        if self.batch and in_place:
            for name, point_set in batch.items():
                self.batch[name].take(point_set)
        elif in_place and not self.batches.fixed:
            self.batch = {name: point_set.copied() for name, point_set in batch.items()}
        else:
            self.batch = batch

    def here(self, turn: int | None = None) -> Evaluation:
        """The step's evaluation, of which line searches may have made a part already.

        ``turn`` is the place of the only term whose gradient is wanted; None: all are.
        """
        parameters = self._state.parameters
        cache = self.line_searches if turn is None else None
        known = cache.known(parameters) if cache else {}
        if not known:
            return self._of_all(heeded(self.batches, self.weights.factors), turn)
        rest = [row for row in range(len(parameters)) if row not in known]
        if rest:
            evaluation = self.at(parameters[rest], rest)
            known |= {member: (evaluation, row) for row, member in enumerate(rest)}
        return joined([known[row] for row in range(len(parameters))])

    def _of_all(self, factors: Factors = no_factors, turn: int | None = None) -> Evaluation:
        batch = {name: point_set.anew() for name, point_set in self.batch.items()}
        return evaluate(self.terms, self._disc, self._state.parameters, batch, factors, turn)

    def at(self, parameters: Float[Tensor, "k p"], members: Sequence[int]) -> Evaluation:
        """Some members at any parameters, with the factors of points that they had last."""
        batch = {name: point_set.of(members) for name, point_set in self.batch.items()}
        factors = self.weights.factors_again(members)
        return evaluate(self.terms, self._disc, parameters, batch, factors)

    def elsewhere(
        self, parameters: Float[Tensor, "k p"], members: Sequence[int]
    ) -> tuple[Float[Tensor, " k"], Float[Tensor, "k p"]]:
        """Loss and gradient of some members at other parameters, on this step's points."""
        evaluation = self.at(parameters, members)
        if self.line_searches:
            self.line_searches.keep(members, parameters, evaluation)
        return self._total(evaluation, parameters, list(members))

    def _total(
        self,
        evaluation: Evaluation,
        parameters: Float[Tensor, "k p"],
        members: Sequence[int] | slice = slice(None),
    ) -> tuple[Float[Tensor, " k"], Float[Tensor, "k p"]]:
        """What is optimised, and its gradient, of all or some members."""
        found = self.weights.total(evaluation, members)
        return self.penalty.added(parameters, members, *found) if self.penalty else found

    def context(self, evaluation: Evaluation) -> StepContext:
        """What an optimizer sees of the step that was evaluated here."""
        parameters = self._state.parameters
        here = (self._disc, self.weights, self.batch, parameters, self.penalty)
        residuals = ResidualRows(*here)
        return StepContext(
            parameters,
            *self._total(evaluation, parameters),
            self.elsewhere,
            products=HessianProducts(*here),
            residuals=residuals,
            rows=residuals.at,
            last_layer=residuals.last_layer,
            last_place=self._last_place,
            seeds=self._seeds,
            matrices=self._matrices,
            hidden_matrices=self._hidden_matrices,
            terms=len(self.terms),
        )

    def weigh_anew(self, step: int) -> None:
        """Set the weights anew, after the update that leaves row ``step``."""
        evaluation = self._of_all() if self.weights.evaluates(step) else None
        self.weights.update(self._state.parameters, self.batch, evaluation)
