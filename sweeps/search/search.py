"""Which runs the search of one model makes: Optuna, asked in generations and told in plan order.

A search is a function of the study file and of the final values its runs reach. Nothing of Optuna
has to be kept: to resume, ask again and tell what the store knows, and the same runs follow.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sweeps.search.distributions import Point, distributions, is_finite, shuffled
from sweeps.store.results import Outcome, Pruned
from sweeps.study.plan import Run, model_points, search_run
from sweeps.study.samplers import SAMPLERS
from sweeps.study.space import grid_size
from sweeps.study.study import Study

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

TRIES = 20
"""How often a sampler is asked for a run that is not a repetition."""


class ModelSearch:
    """The search of one model: ``ask`` for runs and ``tell`` their values, until it is over.

    A run without a finite final value (diverged, or failed for good) is told as ``None`` and enters
    Optuna as FAIL, so that the sampler leaves it out of what it learns; one that was stopped early
    enters as PRUNED, with its value there. A sampler that ``learns``
    (tpe) asks in generations of ``search.generation`` runs; the others lay all runs out at once.
    With ``generation: async`` a generation is the next pack that can start, and values are told as
    they arrive: the runs then depend on timing, and another execution finds others.
    """

    def __init__(self, study: Study, model: str) -> None:
        search = study.search
        self.model = model
        sampler = SAMPLERS[search.sampler]()
        self.learns = sampler.learns
        self.asynchronous = self.learns and search.generation == "async"
        self.total = planned_total(study, model)
        self._study = study
        self._generation = _generation(study, self.total)
        self._asked: dict[str, Trial | None] = {}
        self._values: dict[str, Outcome] = {}
        self._drawn: set[str] = set()
        self._rest = self._shuffled_points()
        self._runs = self._grid() if sampler.enumerates else self._sampled()

    @cached_property
    def _optuna(self) -> OptunaStudy:
        """Optuna's account of the search: imported and kept where points are drawn."""
        import optuna

        from sweeps.search.history import ShortHistory

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return optuna.create_study(
            storage=ShortHistory(),
            direction=self._study.search.direction,
            sampler=self._sampler,
        )

    @cached_property
    def _sampler(self) -> BaseSampler:
        search = self._study.search
        return SAMPLERS[search.sampler]().of_optuna(search.seed)

    @cached_property
    def _space(self) -> dict[str, BaseDistribution]:
        return distributions(self._study.models[self.model].space)

    @property
    def waiting(self) -> bool:
        """Whether values have to be told before more can be asked."""
        return bool(self._asked) and not self.asynchronous

    def ask(self) -> list[Run]:
        """The next generation in plan order, empty when the search is over."""
        if self.waiting:
            raise RuntimeError(f"search of {self.model}: tell the last generation before asking")
        return list(itertools.islice(self._runs, self._generation))

    def tell(self, values: Mapping[str, Outcome]) -> None:
        """What runs asked have reached, by run id, in any order and in any portions."""
        told = {run_id: values[run_id] for run_id in values if run_id in self._asked}
        if self.asynchronous or not self.learns:  # no later run waits
            for run_id, value in told.items():
                self._tell(self._asked.pop(run_id), value)
            return
        self._values |= told
        if len(self._values) == len(self._asked):
            for run_id, trial in self._asked.items():
                self._tell(trial, self._values[run_id])
            self._asked, self._values = {}, {}

    def adopt(self, run: Run, value: Outcome) -> None:
        """Take a settled run of an earlier asynchronous search as one of this search's own."""
        from optuna.trial import create_trial

        self._drawn.add(run.run_id)
        self._optuna.add_trial(
            create_trial(**outcome(value), params=run.varied, distributions=self._space)
        )

    def _tell(self, trial: Trial | None, value: Outcome) -> None:
        if trial is None:
            return
        from optuna.trial import TrialState

        if isinstance(value, Pruned):
            trial.report(value.value, value.step)
            self._optuna.tell(trial, state=TrialState.PRUNED)
        elif value is None or not math.isfinite(value):
            self._optuna.tell(trial, state=TrialState.FAIL)
        else:
            self._optuna.tell(trial, value)

    def _grid(self) -> Iterator[Run]:
        whole = self._study.search.runs is None
        points = model_points(self._study, self.model) if whole else self._rest
        for point in itertools.islice(points, self.total):
            yield self._enter(search_run(self._study, self.model, point), None)

    def _shuffled_points(self) -> Iterator[Point]:
        """All points of a finite space in an order of the seed's; none of an infinite one."""
        if is_finite(self._study.models[self.model].space):
            yield from shuffled(model_points(self._study, self.model), self._study.search.seed)

    def _sampled(self) -> Iterator[Run]:
        """Distinct runs; after the first run of a shape, ``share_shape - 1`` more of that shape."""
        shape: Point = {}
        left = 0
        while len(self._drawn) < self.total:
            run = self._draw(shape if left else {})
            if run is None and left:
                left = 0
                continue
            run = run or self._unseen()
            if run is None:
                self.total = len(self._drawn)
                return
            if not left:
                shape = {key: run.varied[key] for key in run.varied if decides_shape(run, key)}
                left = self._study.search.share_shape
            left -= 1
            yield run

    def _draw(self, fixed: Point) -> Run | None:
        """A run not drawn before, of these parameters and others the sampler chooses; or None."""
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import PartialFixedSampler
        from optuna.trial import TrialState

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            self._optuna.sampler = PartialFixedSampler(dict(fixed), self._sampler)
        for _ in range(TRIES):
            trial = self._optuna.ask(self._space)
            run = search_run(self._study, self.model, trial.params)
            if run.run_id not in self._drawn:
                return self._enter(run, trial)
            self._optuna.tell(trial, state=TrialState.FAIL)
        return None

    def _unseen(self) -> Run | None:
        """The first point of a finite space, in an order of the seed's, that was not drawn."""
        for point in self._rest:
            run = search_run(self._study, self.model, point)
            if run.run_id not in self._drawn:
                self._optuna.enqueue_trial(dict(point))
                return self._enter(run, self._optuna.ask(self._space))
        return None

    def _enter(self, run: Run, trial: Trial | None) -> Run:
        self._drawn.add(run.run_id)
        self._asked[run.run_id] = trial
        return run


def outcome(value: Outcome) -> dict[str, Any]:
    """What a settled run reached, as keywords of Optuna's ``create_trial``."""
    from optuna.trial import TrialState

    if value is None:
        return {"state": TrialState.FAIL}
    if isinstance(value, Pruned):
        seen = {value.step: value.value}
        return {"state": TrialState.PRUNED, "value": value.value, "intermediate_values": seen}
    return {"state": TrialState.COMPLETE, "value": value}


def planned_total(study: Study, model: str) -> int:
    """How many runs the search of a model makes, unless its points turn out to repeat."""
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
    """How many runs are asked at a time; a pack's worth where a generation is what is free."""
    if not SAMPLERS[study.search.sampler].learns:
        return total
    generation = study.search.generation
    return study.search.share_shape if generation == "async" else generation
