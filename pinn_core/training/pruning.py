"""Members that stop early: at some steps a pack is judged, and goes on with the better ones.

What stops is not this package's to decide: ``Pruning.stops`` is asked at every rung with the values
so far. A member that stops leaves a trajectory up to its rung; those that stay keep their bits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.probes.cadence import NEVER
from pinn_core.training.columns import latest
from pinn_core.training.pack import Pack

Stops = Callable[[int, Float[ndarray, "r m"], Sequence[int]], Sequence[int]]
"""From a rung's step, the values at all rungs so far and whose they are: which members stop."""


@dataclass(frozen=True)
class Pruning:
    """When and by what members are judged.

    ``rungs`` are steps, ascending, at which ``metric`` (a trajectory column) is looked at after so
    many updates. ``stops(step, values, members)`` gets the values (rungs so far, members left), NaN
    where there is none, and the places of these members in the pack as it began; it returns the
    places of those that stop. It must be a function of what it is given.
    """

    metric: str
    rungs: Sequence[int]
    stops: Stops


class Rounds:
    """The judgements of one pack; begins where the pack is, which may be resumed."""

    def __init__(self, pruning: Pruning, pack: Pack) -> None:
        self._pruning, self._pack = pruning, pack
        before = [self._latest(rung) for rung in pruning.rungs if rung < pack.state.step]
        self._values = np.array(before, dtype=float).reshape(len(before), len(pack.members))

    def keep(self, step: int) -> None:
        """Before the update that leaves a rung: keep the parameters that its row describes."""
        if step in self._pruning.rungs:
            self._parameters = self._pack.state.parameters.clone()

    def reach(self, step: int) -> int:
        """The row to which the pack may go from this one: the next rung, or the row after it."""
        if step in self._pruning.rungs:
            return step + 1
        return min((rung for rung in self._pruning.rungs if rung > step), default=NEVER)

    def judge(self, step: int) -> None:
        """At a rung whose row is recorded, shrink the pack to the members that go on."""
        if step not in self._pruning.rungs:
            return
        members = self._pack.members
        self._values = np.vstack([self._values, self._latest(step)])
        stopped = set(self._pruning.stops(step, self._values, members))
        if stopped:
            going = [row for row, member in enumerate(members) if member not in stopped]
            self._values = self._values[:, going]
            leaving = [row for row in range(len(members)) if row not in going]
            self._pack.stop(leaving, step, self._parameters)

    def _latest(self, step: int) -> Float[ndarray, " m"]:
        return latest(self._pack.recorder, self._pack.state, self._pruning.metric, step)
