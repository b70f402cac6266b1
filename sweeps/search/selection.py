"""The best runs of every model, by the final value of the search's metric."""

from __future__ import annotations

from bisect import insort

from sweeps.store.results import Outcome, Pruned
from sweeps.study.plan import Run, rerun_of
from sweeps.study.study import Study


class Selection:
    """Keeps the ``rerun.top`` best of the runs it is offered, model by model.

    The order in which runs are offered does not matter: equal values go by run id. A run without a
    final value (diverged, stopped early, failed) is never chosen, so that there may be fewer, or
    none.
    """

    def __init__(self, study: Study) -> None:
        self._sign = 1 if study.search.direction == "minimize" else -1
        self._top = {model: rerun_of(study, model).top for model in study.models}
        self._best: dict[str, list[tuple[float, str, Run]]] = {model: [] for model in study.models}

    def offer(self, run: Run, value: Outcome) -> None:
        """Consider a settled run."""
        if value is not None and not isinstance(value, Pruned):
            best = self._best[run.model]
            insort(best, (self._sign * value, run.run_id, run), key=lambda entry: entry[:2])
            del best[self._top[run.model] :]

    def chosen(self, model: str) -> list[Run]:
        """The best runs of a model, best first."""
        return [run for _, _, run in self._best[model]]

    def best(self, model: str) -> tuple[float, Run] | None:
        """The best value of a model so far, and its run."""
        if not self._best[model]:
            return None
        signed, _, run = self._best[model][0]
        return self._sign * signed, run
