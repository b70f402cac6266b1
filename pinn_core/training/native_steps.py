"""Steps that the native backend makes by itself, several in one call.

The parts say what native form they have: terms their polynomials, batches what points are
``ahead``, the optimizer its updates. Where one has none, where something is due that takes more
than a step's own numbers, and for a backend other than the native one, ``Pack`` makes the step in
Python. Both ways call the same functions in C++ and give the same bits.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.backends import native_steps as native
from pinn_core.engine.backends.native_terms import Term as NativeTerm
from pinn_core.engine.propagation import straightened
from pinn_core.engine.stack import Stack
from pinn_core.objectives import Term
from pinn_core.objectives.native_forms import native_term, serves
from pinn_core.optimizers import Optimizer
from pinn_core.optimizers.optimizer import AdamAhead, Settings
from pinn_core.samplers import Ahead, Batches, Foreseeing, foresees
from pinn_core.training.loss_weights import LossWeights
from pinn_core.training.recording import Recorder
from pinn_core.training.state import State

SECONDS = 0.05
"""How long a call may take: signals and progress wait for its end."""


class NativeSteps:
    """The native steps of one pack in one stage of its training."""

    def __init__(
        self,
        disc: Discretization,
        batches: Foreseeing,
        terms: Sequence[Term],
        placed: "_Placed",
        recorder: Recorder,
        loss_weights: LossWeights,
        state: State,
    ) -> None:
        self._disc, self._batches, self._terms, self._placed = disc, batches, terms, placed
        self._names = [term.points for term in terms]
        self._recorder, self._loss_weights = recorder, loss_weights
        self._most = 1
        watched: list[tuple[Stack, Tensor]] = []
        sources = []
        for source in recorder.sources:
            if isinstance(source, str):
                sources.append(self._names.index(source))
            else:
                sources.append(len(terms) + len(watched))
                stack, points, _ = straightened(disc.stack, source.coordinates, ())
                watched.append((stack, points))
        free = recorder.gradients_are_free
        derived = [at for at, term in enumerate(terms) if free and term.name in recorder.derived]
        record = native.Record(sources, *recorder.metrics.tables, derived)
        self._steps = native.Steps(placed.terms, watched, record, state.parameters, disc.threads)

    @classmethod
    def of(
        cls,
        disc: Discretization,
        batches: Batches,
        terms: Sequence[Term],
        recorder: Recorder,
        loss_weights: LossWeights,
        state: State,
    ) -> "NativeSteps | None":
        """The native steps of a pack, None where one of its parts has no native form."""
        if (
            not serves(disc)
            or disc.error_outputs
            or loss_weights.weighs_points
            or state.past is not None
        ):
            return None
        if not foresees(batches):
            return None
        placed = _placed(terms, disc, batches.ahead(0))
        if placed is None:
            return None
        return cls(disc, batches, terms, placed, recorder, loss_weights, state)

    def reach(self, step: int) -> int:
        """The row up to which points are known, and which one call may take to."""
        rows = self._rows(self._batches.ahead(step))
        return step + min([self._most, *(len(own) for own in rows if own is not None)])

    def make(
        self, state: State, optimizer: Optimizer, settings: Settings, step: int, count: int
    ) -> None:
        """Make ``count`` steps from ``step`` on, of which the optimizer knows its updates.

        The rows of all but the first must have nothing due that these steps do not record.
        """
        start = time.perf_counter()
        updates = optimizer.ahead(settings, step - state.phase_start, count)
        if updates is None:
            raise ValueError(f"optimizer {optimizer.kind} has no native updates")
        ahead = self._batches.ahead(step)
        self._go_to(ahead)
        self._run(state, self._rows(ahead), updates, step, count)
        seconds = (time.perf_counter() - start) / count
        self._most = max(1, round(SECONDS / seconds))

    def _rows(self, ahead: Mapping[str, Ahead]) -> list[Tensor | None]:
        return [ahead[name].rows for name in self._names]

    def _go_to(self, ahead: Mapping[str, Ahead]) -> None:
        """Take the terms at other points, where these are not the last call's."""
        if self._placed.holds(ahead):
            return
        placed = _placed(self._terms, self._disc, ahead)
        if placed is None:
            raise ValueError("a term has a native form at a step's points and none at another's")
        self._steps.place(placed.terms)
        self._placed = placed

    def _run(
        self,
        state: State,
        rows: Sequence[Tensor | None],
        updates: AdamAhead,
        step: int,
        count: int,
    ) -> None:
        adam = native.Adam(
            state.optimizer["first"],
            state.optimizer["second"],
            updates.rates,
            updates.shrinks,
            torch.tensor(updates.corrections, dtype=torch.float64),
            (updates.beta1, updates.beta2, updates.epsilon),
        )
        free = self._recorder.gradients_are_free
        self._steps.run(
            count,
            [None if own is None else own[:count] for own in rows],
            (state.parameters, state.initial, state.previous_update),
            (self._loss_weights.rounded, state.weights),
            adam,
            (state.sums["always"][step:], state.sums["gradients"][step:] if free else None),
        )


@dataclass(frozen=True)
class _Placed:
    """Terms at the points of some steps."""

    terms: Sequence[NativeTerm]
    point_sets: Mapping[str, PointSet]

    def holds(self, ahead: Mapping[str, Ahead]) -> bool:
        """Whether the terms are at what is ahead."""
        return all(ahead[name].point_set is own for name, own in self.point_sets.items())


def _placed(
    terms: Sequence[Term], disc: Discretization, ahead: Mapping[str, Ahead]
) -> _Placed | None:
    """The terms at what is ahead, None where one of them has no native form."""
    point_sets = {term.points: ahead[term.points].point_set for term in terms}
    made = [
        native_term(term, disc, point_sets[term.points], ahead[term.points].count) for term in terms
    ]
    native_terms = [each for each in made if each is not None]
    return _Placed(native_terms, point_sets) if len(native_terms) == len(terms) else None
