"""Which runs the search of one model makes: Optuna, asked in generations and told in plan order.

A search is a function of the study file and of the final values its runs reach. Nothing of Optuna
has to be kept: to resume, ask again and tell what the store knows, and the same runs follow.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analysis.metric import Direction, Unreached
from sweeps.search.candidate import Candidate
from sweeps.search.cost import cost_of
from sweeps.search.distributions import Point, distributions, is_finite, shuffled
from sweeps.store.results import Outcome, Pruned
from sweeps.study.experimental import experimental
from sweeps.study.plan import Run, model_points, search_runs
from sweeps.study.pruners import SeedPruner
from sweeps.study.samplers import sampler_of
from sweeps.study.space import grid_size
from sweeps.study.study import Study

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

TRIES = 20
"""How often a sampler is asked for a run that is not a repetition."""

WORST = 1e300
"""Where a number has to be finite, that of a run which has none."""


class ModelSearch:
    """The search of one model: ``ask`` for runs and ``tell`` what they reached, until it is over.

    A configuration is judged when all its seeds are told, by their median. One without a number
    (diverged, or failed for good) enters Optuna as FAIL, so that the sampler leaves it out of what
    it learns; one that was stopped early enters as PRUNED, with its value there. A sampler that
    ``learns`` (tpe) asks in generations of ``search.generation`` configurations; the others lay all
    out at once. With ``generation: async`` a generation is the next pack that can start, and values
    are told as they arrive: the runs then depend on timing, and another execution finds others.

    With a pruner of seeds the configurations of a generation get their seeds in waves; between two
    of them those that it gives up get no more.
    """

    def __init__(self, study: Study, model: str) -> None:
        search = study.search
        self.model = model
        sampler = sampler_of(search.sampler)
        self._pruner = search.pruner if isinstance(search.pruner, SeedPruner) else None
        self.learns = sampler.learns or self._pruner is not None
        self.asynchronous = sampler.learns and search.generation == "async"
        self._configurations = planned_configurations(study, model)
        self.total = self._configurations * search.seeds
        self._study, self._metric = study, study.metric
        self._generation = _generation(study, self._configurations)
        self._waves = self._pruner.waves(search.seeds) if self._pruner else [search.seeds]
        self._open: list[Candidate] = []
        """Those of the generation that get further seeds or have not been told to Optuna."""
        self._asked: dict[str, Candidate] = {}
        """By the run that was asked and has not been told."""
        self._best: Candidate | None = None
        self._drawn: set[str] = set()
        self._rest = self._shuffled_points()
        self._candidates = self._grid() if sampler.enumerates else self._sampled()

    @cached_property
    def _optuna(self) -> OptunaStudy:
        """Optuna's account of the search: imported and kept where points are drawn."""
        import optuna

        from sweeps.search.history import ShortHistory

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            storage=ShortHistory(),
            directions=directions(self._study),
            sampler=self._sampler,
        )
        study.stop = lambda: None  # type: ignore[method-assign]  # we ask until our runs are drawn
        return study

    @cached_property
    def _sampler(self) -> BaseSampler:
        search = self._study.search
        return sampler_of(search.sampler).of_optuna(search.seed)

    @cached_property
    def _space(self) -> dict[str, BaseDistribution]:
        return distributions(self._study.models[self.model].space)

    @property
    def waiting(self) -> bool:
        """Whether values have to be told before more can be asked."""
        return bool(self._asked) and not self.asynchronous

    def ask(self) -> list[Run]:
        """The next wave of the generation, or of the next one; empty when the search is over."""
        if self.waiting:
            raise RuntimeError(f"search of {self.model}: tell the last generation before asking")
        if not self._open:
            self._open = list(itertools.islice(self._candidates, self._generation))
        runs: list[Run] = []
        for candidate in self._open:
            asked = candidate.ask(self._seeds_after(candidate.asked))
            self._asked.update((run.run_id, candidate) for run in asked)
            runs += asked
        if not self._orderly:
            self._open = []  # each is told, and forgotten, when its own seeds are known
        return runs

    def tell(self, values: Mapping[str, Outcome]) -> None:
        """What runs asked have reached, by run id, in any order and in any portions."""
        for run_id in values:
            candidate = self._asked.pop(run_id, None)
            if candidate is not None:
                candidate.values[run_id] = values[run_id]
                if not self._orderly and candidate.complete:
                    self._tell(candidate)
        if self._open and not self._asked:
            self._close_wave()

    @property
    def _orderly(self) -> bool:
        """Whether Optuna is told in the order of the plan, when a whole wave is known."""
        return self.learns and not self.asynchronous

    def _seeds_after(self, asked: int) -> int:
        """How many seeds a configuration has after the wave that follows so many."""
        return next(seeds for seeds in self._waves if seeds > asked)

    def _close_wave(self) -> None:
        """Tell Optuna of those that are whole or given up; the others stay open."""
        pruner, going_on = self._pruner, []
        best = self._best_ranks() if pruner else []
        for candidate in self._open:
            if candidate.asked == len(candidate.runs):
                self._tell(candidate)
            elif pruner and pruner.gives_up(self._ranks(candidate), best):
                self.total -= len(candidate.runs) - candidate.asked
                self._tell(candidate)
            else:
                going_on.append(candidate)
        self._open = going_on

    def _best_ranks(self) -> list[float]:
        """The best configuration so far, by the seeds that those of this wave have."""
        known = [*self._open, *([self._best] if self._best else [])]
        seeds = min(candidate.asked for candidate in known)
        ranks = [self._ranks(candidate) for candidate in known]
        return min(ranks, key=lambda one: statistics.median(one[:seeds]))

    def _middle(self, candidate: Candidate) -> float:
        return statistics.median(self._ranks(candidate))

    def _ranks(self, candidate: Candidate) -> list[float]:
        """By seed, and finite: a run without a number is worse than any that has one."""
        ranks = candidate.ranks(self._metric)
        return [rank if math.isfinite(rank) else WORST for rank in ranks]

    def adopt(self, run: Run, value: Outcome) -> None:
        """Take a settled run of an earlier asynchronous search as one of this search's own."""
        from optuna.trial import create_trial

        self._drawn.add(run.run_id)
        self._optuna.add_trial(
            create_trial(
                **outcome(value, cost_of(self._study, run)),
                params=run.varied,
                distributions=self._space,
            )
        )

    def _tell(self, candidate: Candidate) -> None:
        """Tell Optuna what a configuration reached, and forget what need not be kept."""
        reached = candidate.reached(self._metric)
        if self._pruner and candidate.asked == len(candidate.runs):
            best = self._best
            if best is None or self._middle(candidate) < self._middle(best):
                self._best = candidate
        if candidate.trial is None:
            return
        from optuna.trial import TrialState

        told = outcome(reached, cost_of(self._study, candidate.runs[0]))
        if isinstance(reached, Pruned):
            candidate.trial.report(reached.value, reached.step)
        elif candidate.asked < len(candidate.runs) and told["state"] is TrialState.COMPLETE:
            candidate.trial.report(told["values"][0], candidate.asked)
            told["state"] = TrialState.PRUNED
        values = told["values"] if told["state"] is TrialState.COMPLETE else None
        self._optuna.tell(candidate.trial, values, told["state"])

    def _grid(self) -> Iterator[Candidate]:
        whole = self._study.search.runs is None
        points = model_points(self._study, self.model) if whole else self._rest
        for point in itertools.islice(points, self._configurations):
            yield self._enter(search_runs(self._study, self.model, point), None)

    def _shuffled_points(self) -> Iterator[Point]:
        """All points of a finite space in an order of the seed's; none of an infinite one."""
        if is_finite(self._study.models[self.model].space):
            yield from shuffled(model_points(self._study, self.model), self._study.search.seed)

    def _sampled(self) -> Iterator[Candidate]:
        """Distinct ones; after the first of a shape, ``share_shape - 1`` more of that shape."""
        shape: Point = {}
        left = 0
        while len(self._drawn) < self._configurations:
            drawn = self._draw(shape if left else {})
            if drawn is None and left:
                left = 0
                continue
            drawn = drawn or self._unseen()
            if drawn is None:
                self.total -= (self._configurations - len(self._drawn)) * self._study.search.seeds
                return
            if not left:
                run = drawn.runs[0]
                shape = {key: run.varied[key] for key in run.varied if decides_shape(run, key)}
                left = self._study.search.share_shape
            left -= 1
            yield drawn

    def _draw(self, fixed: Point) -> Candidate | None:
        """One not drawn before, of these parameters and others the sampler chooses; or None."""
        from optuna.samplers import PartialFixedSampler
        from optuna.trial import TrialState

        with experimental():
            self._optuna.sampler = PartialFixedSampler(dict(fixed), self._sampler)
        for _ in range(TRIES):
            trial = self._optuna.ask(self._space)
            runs = search_runs(self._study, self.model, trial.params)
            if runs[0].run_id not in self._drawn:
                return self._enter(runs, trial)
            self._optuna.tell(trial, state=TrialState.FAIL)
        return None

    def _unseen(self) -> Candidate | None:
        """The first point of a finite space, in an order of the seed's, that was not drawn."""
        for point in self._rest:
            runs = search_runs(self._study, self.model, point)
            if runs[0].run_id not in self._drawn:
                self._optuna.enqueue_trial(dict(point))
                return self._enter(runs, self._optuna.ask(self._space))
        return None

    def _enter(self, runs: Sequence[Run], trial: Trial | None) -> Candidate:
        self._drawn.add(runs[0].run_id)
        return Candidate(runs, trial)


def directions(study: Study) -> list[Direction]:
    """Of the metric and, where there is one, the cost."""
    metric = study.search.direction
    return [metric, "minimize"] if study.search.cost else [metric]


def outcome(value: Outcome, cost: Sequence[float] = ()) -> dict[str, Any]:
    """What a configuration reached and costs, as keywords of Optuna's ``create_trial``."""
    from optuna.trial import TrialState

    if value is None:
        return {"state": TrialState.FAIL}
    if isinstance(value, Pruned):
        seen = {value.step: value.value}
        return {"state": TrialState.PRUNED, "values": [value.value], "intermediate_values": seen}
    value = value.score if isinstance(value, Unreached) else value
    if not math.isfinite(value):
        return {"state": TrialState.FAIL}
    return {"state": TrialState.COMPLETE, "values": [value, *cost]}


def planned_configurations(study: Study, model: str) -> int:
    """How many points the search of a model tries, unless they turn out to repeat."""
    runs = study.search.runs
    if is_finite(study.models[model].space):
        points = grid_size(study.models[model].space)
        return points if runs is None else min(runs, points)
    assert runs is not None, "an infinite space without search.runs passed the study's validation"
    return runs


def decides_shape(run: Run, key: str) -> bool:
    """Whether members of one pack have to agree on a dotted key such as ``network.width``."""
    *path, field = key.split(".")
    part: Any = run.configuration
    for name in path:
        part = part[int(name)] if name.isdigit() else getattr(part, name)
    return field not in getattr(part, "per_member", ())


def _generation(study: Study, total: int) -> int:
    """How many configurations are asked at a time; a pack's worth where that is what is free."""
    if not sampler_of(study.search.sampler).learns:
        return total
    generation = study.search.generation
    return study.search.share_shape if generation == "async" else generation
