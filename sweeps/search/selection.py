"""The best configurations of every model, by what their runs reached."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence

from analysis.metric import Reached
from pinn_core.configuration import canonical_json
from sweeps.search.candidate import median, whole
from sweeps.search.cost import cost_of
from sweeps.store.results import Outcome
from sweeps.study.plan import Run, rerun_of
from sweeps.study.study import Study

Entry = tuple[float, str, Run, Reached]
"""The number by which a configuration is ranked, its first run's id, the run, what it reached."""


class Selection:
    """Keeps the ``rerun.top`` best of the configurations whose runs it is offered, model by model.

    A configuration counts when so many ``seeds`` of it were offered, by their median; it is known
    by its run of the first seed. The order in which runs are offered does not matter: equal ones go
    by run id. A configuration without a number (diverged, stopped early, failed) is never chosen,
    so that there may be fewer, or none. With a ``search.cost`` those are left out that another one
    beats, or equals, in cost and metric.
    """

    def __init__(self, study: Study, seeds: int = 1) -> None:
        self._study, self._metric, self._seeds = study, study.metric, seeds
        self._top = {model: rerun_of(study, model).top for model in study.models}
        self._best: dict[str, list[Entry]] = {model: [] for model in study.models}
        self._begun: dict[tuple[str, str], dict[int, tuple[Run, Outcome]]] = {}

    def offer(self, run: Run, value: Outcome) -> None:
        """Consider a settled run."""
        if self._seeds == 1:
            self._consider(run, whole(value))
            return
        key = run.model, canonical_json(run.varied)
        found = self._begun.setdefault(key, {})
        found[run.seed] = run, value
        if len(found) == self._seeds:
            del self._begun[key]
            first, _ = found[min(found)]
            self._consider(first, median([value for _, value in found.values()], self._metric))

    def _consider(self, run: Run, reached: Reached) -> None:
        if reached is None:
            return
        best = self._best[run.model]
        insort(
            best, (self._metric.rank(reached), run.run_id, run, reached), key=lambda one: one[:2]
        )
        if self._study.search.cost:
            self._best[run.model] = self._front(best)
        else:
            del best[self._top[run.model] :]

    def _front(self, ranked: Sequence[Entry]) -> list[Entry]:
        """Those that are cheaper than all that are ranked before them."""
        front: list[Entry] = []
        lowest = math.inf
        for entry in ranked:
            (cost,) = cost_of(self._study, entry[2])
            if cost < lowest:
                front.append(entry)
                lowest = cost
        return front

    def chosen(self, model: str) -> list[Run]:
        """The best configurations of a model, best first, each by its first run."""
        return [run for _, _, run, _ in self._best[model][: self._top[model]]]

    def best(self, model: str) -> tuple[Reached, Run] | None:
        """The best of a model so far: what it reached, and its first run."""
        if not self._best[model]:
            return None
        _, _, run, reached = self._best[model][0]
        return reached, run
