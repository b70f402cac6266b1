"""One stage of a study as packs: which can start now, and what became of their runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from pinn_core.records.trajectory import TrajectoryError
from sweeps.store.results import Outcome, Results
from sweeps.study.plan import PackPlan, Run, make_pack, make_packs
from sweeps.study.study import Resources

PASSED_OVER = "failed before, and the search went on without it"


class Source(Protocol):
    """Where the runs of one model come from: a search, or a list that is known from the start."""

    model: str
    total: int
    learns: bool

    @property
    def waiting(self) -> bool:
        """Whether values have to be told before more can be asked."""

    def ask(self) -> list[Run]:
        """The next runs, empty when there are no more."""

    def tell(self, values: Mapping[str, Outcome]) -> None:
        """Final values of runs asked, by run id; None for those that have none."""


class StageEvents(Protocol):
    """A receiver of the events of a stage's runs."""

    def asked(self, runs: Sequence[Run]) -> None:
        """These runs are to be trained."""

    def found(self, run: Run, value: Outcome) -> None:
        """The run was settled before."""

    def finished(self, run: Run, value: Outcome) -> None:
        """The run is committed."""

    def retried(self, pack: PackPlan, attempt: int, reason: str) -> None:
        """The pack failed and is tried again; attempts count from 1."""

    def failed(self, run: Run, reason: str) -> None:
        """The run is given up."""


class Listed:
    """Runs that are known from the start, such as the reruns of a chosen configuration."""

    learns = False
    waiting = False

    def __init__(self, model: str, runs: Sequence[Run]) -> None:
        self.model = model
        self.total = len(runs)
        self._runs = list(runs)

    def ask(self) -> list[Run]:
        """All of them the first time, then none."""
        runs, self._runs = self._runs, []
        return runs

    def tell(self, values: Mapping[str, Outcome]) -> None:
        """Ignore them: the list does not depend on values."""


class Stage:
    """The packs of one stage; an executor takes them by ``next_pack`` and says how each ended.

    Settled runs are told to their source and not trained again. ``slots`` is how many packs can run
    at a time.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        results: Results,
        resources: Resources,
        slots: int,
        watch: StageEvents,
    ) -> None:
        self.failures: dict[str, str] = {}
        self.resources = resources
        self.watch = watch
        self._sources = {source.model: source for source in sources}
        self._results = results
        self._slots = slots
        self._ready: deque[PackPlan] = deque()
        self._running: dict[str, PackPlan] = {}
        self._suspects: set[str] = set()
        self._given_up: dict[str, list[str]] = {source.model: [] for source in sources}

    @property
    def over(self) -> bool:
        """Whether there is no pack left, neither running nor to start."""
        self._fill()
        return not self._ready and not self._running

    def next_pack(self) -> PackPlan | None:
        """A pack that can start now; None while all depends on running packs, or at the end."""
        self._fill()
        if not self._ready:
            return None
        pack = self._ready.popleft()
        self._running[pack.pack_id] = pack
        return pack

    @property
    def ready(self) -> list[PackPlan]:
        """Packs that were made and have not started."""
        return list(self._ready)

    @property
    def running(self) -> list[PackPlan]:
        """Packs that have started and not ended."""
        return list(self._running.values())

    @property
    def draws_on(self) -> bool:
        """Whether some search draws more runs as soon as a slot is free."""
        return any(source.learns and not source.waiting for source in self._sources.values())

    def done(self, pack: PackPlan, values: Mapping[str, Outcome]) -> None:
        """All runs of the pack are committed, with these final values by run id."""
        self._running.pop(pack.pack_id, None)
        for run in pack.runs:
            self._finish(run, values[run.run_id])

    def lost(self, pack: PackPlan, reason: str) -> None:
        """The pack failed for good: its halves are tried, a run alone is given up."""
        self._running.pop(pack.pack_id, None)
        self._results.look_again()
        missing = [run for run in pack.runs if run.run_id not in self._results]
        for run in pack.runs:
            if run.run_id in self._results:
                self._take_over(run)
        if len(pack.runs) == 1 and missing:
            self._give_up(pack.runs[0], reason)
        elif missing:
            middle = (len(missing) + 1) // 2
            halves = [make_pack(half) for half in (missing[:middle], missing[middle:]) if half]
            self._ready.extendleft(reversed(halves))
            self._suspects.update(half.pack_id for half in halves)

    def retries(self, pack: PackPlan) -> int:
        """How often the pack may be tried again after a failure.

        A part of a lost pack is halved at its first failure, until the run at fault is alone.
        """
        suspected = pack.pack_id in self._suspects and len(pack.runs) > 1
        return 0 if suspected else self.resources.retries

    def _take_over(self, run: Run) -> None:
        """A run that was committed before its worker died, or is damaged since."""
        try:
            value = self._results.value(run.run_id)
        except TrajectoryError as error:
            self._give_up(run, str(error))
        else:
            self._finish(run, value)

    def _finish(self, run: Run, value: Outcome) -> None:
        self._results.learn(run.run_id, value)
        self._sources[run.model].tell({run.run_id: value})
        self.watch.finished(run, value)

    def _give_up(self, run: Run, reason: str) -> None:
        self.failures[run.run_id] = reason
        self._given_up[run.model].append(run.run_id)
        self._sources[run.model].tell({run.run_id: None})
        self.watch.failed(run, reason)

    def _fill(self) -> None:
        if not self._ready:
            missing = [run for source in self._sources.values() for run in self._missing(source)]
            self.watch.asked(missing)
            self._ready.extend(self._packs(missing))

    def _packs(self, runs: Sequence[Run]) -> list[PackPlan]:
        """The packs that were begun before, as they were, and then the other runs in new ones.

        Of a pack whose runs were being judged, those that are left.
        """
        left = {run.run_id: run for run in runs}
        resumed = [
            make_pack([left.pop(run_id) for run_id in group])
            for group in (self._results.begun() if left else ())
            if left.keys() >= set(group)
        ]
        resumed += [
            make_pack(rest)
            for cohort in (self._results.cohorts() if left else ())
            if (rest := [left.pop(run_id) for run_id in cohort if run_id in left])
        ]
        return [*resumed, *make_packs(left.values(), self.resources, self._slots)]

    def _missing(self, source: Source) -> list[Run]:
        """The unsettled runs of the source's next generation that has any."""
        while not source.waiting and (runs := source.ask()):
            given_up, self._given_up[source.model] = self._given_up[source.model], []
            if source.learns and given_up:
                self._results.pass_over(given_up)
            missing = [run for run in runs if not self._settled(run, source)]
            if missing:
                return missing
        return []

    def _settled(self, run: Run, source: Source) -> bool:
        if run.run_id not in self._results:
            return False
        value = self._results.value(run.run_id)
        source.tell({run.run_id: value})
        if run.run_id in self._results.committed:
            self.watch.found(run, value)
        else:
            self.failures[run.run_id] = PASSED_OVER
            self.watch.failed(run, PASSED_OVER)
        return True
