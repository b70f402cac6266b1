"""MLflow, written by one thread of one process, which training never waits for."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sweeps.errors import StudyError
from sweeps.store.store import Store
from sweeps.store.writing import CannotReach
from sweeps.study.study import Study
from sweeps.tracking.mlflow_client import import_mlflow, is_unreachable, reason
from sweeps.tracking.publishing import Experiment
from sweeps.tracking.tracking_address import (
    check_tracking,
    default_tracking_uri,
    masked,
    sqlite_file,
)

__all__ = [
    "Publisher",
    "Synced",
    "check_tracking",
    "default_tracking_uri",
    "masked",
    "sqlite_file",
    "sync",
]

log = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds that ``close`` gives an unreachable server before it leaves the rest to ``sync``."""

LAST_RUN = 2.0
"""Seconds that ``close`` gives the run at hand when nothing else is to wait."""

LONGEST_PAUSE = 10.0
"""Seconds between two attempts; the first pause is one second, each further one twice as long."""

ANOTHER = "; if the file is damaged, rename it, and the same command makes another"

TOGETHER = 50
"""Runs that are published at a time at most, if so many wait."""

Job = Callable[[Experiment], object]
Entry = str | tuple[str, Job] | None
"""Of the publisher's queue: a run to publish, another job with its name, or the end."""


class Publisher:
    """Publishes committed runs in the order in which they are submitted, on a thread of its own.

    An unreachable server is announced once, through ``say``, and asked again until it answers.
    ``sync`` is the command that publishes later, as it is told at the end.
    ``failed`` tells, by run id, what could not be published although the server answers.
    Nothing that goes wrong there reaches the caller, and only ``close`` waits.
    """

    def __init__(
        self,
        tracking_uri: str,
        store: Store,
        study: Study,
        say: Callable[[str], None] = log.warning,
        sync: str = "",
    ) -> None:
        self.failed: dict[str, str] = {}
        self._store, self._study, self._say = store, study, say
        self._uri, self._sync = tracking_uri, sync or f"pinn-sweep sync {study.name}"
        self._experiment: Experiment | None = None
        self._queue: queue.Queue[Entry] = queue.Queue()
        self._pending: set[str] = set()
        self._unreachable = False
        self._abandoned = threading.Event()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)

    @property
    def waiting(self) -> int:
        """How many submitted runs are not in MLflow yet."""
        return len(self._pending)

    def start(self) -> None:
        """Start the thread, with what the store holds already."""
        for run_id in sorted(self._store.committed()):
            self.submit(run_id)
        self._thread.start()

    def submit(self, run_id: str) -> None:
        """Publish a committed run, unless MLflow has it."""
        self._pending.add(run_id)
        self._queue.put(run_id)

    def log_report(self, folder: Path) -> None:
        """Put the report, unless it is there, on a run of its own, after the runs submitted."""
        self._queue.put(("report", lambda found: found.log_report(folder, again=False)))

    def finish(self, status: str = "FINISHED") -> None:
        """End the parent runs, after the runs submitted so far."""
        self._queue.put(("parent runs", lambda experiment: experiment.finish(status)))

    def close(self, wait: bool = True) -> None:
        """Stop when all is published or the time is up; without ``wait``, after this run."""
        if not wait:
            self._abandoned.set()
        self._give_up_at = time.monotonic() + PATIENCE
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(None if wait else LAST_RUN)
        say, self._say = self._say, _say_nothing  # the thread may still meet trouble
        if self._pending:
            say(
                f"{len(self._pending)} runs are not in MLflow yet; they are safe in the store:"
                f" {self._sync}"
            )

    def _work(self) -> None:
        import_mlflow()  # now, while nothing is trained yet
        while not self._abandoned.is_set():
            entries = [self._queue.get()]
            while len(entries) < TOGETHER and not self._queue.empty():
                entries.append(self._queue.get())
            runs: list[str] = []
            for entry in entries:
                if isinstance(entry, str):
                    runs.append(entry)
                    continue
                self._publish(runs)
                runs = []
                if entry is None:
                    return
                self._carry_out([entry[0]], entry[1])
            self._publish(runs)

    def _publish(self, run_ids: list[str]) -> None:
        """Publish runs together; where one of them is at fault, each by itself."""
        if run_ids and not self._carry_out(run_ids, lambda found: found.publish(run_ids)):
            for run_id in run_ids:
                self._publish([run_id])

    def _carry_out(self, names: list[str], job: Job) -> bool:
        """Do the job, as often as it takes, and return True.

        Where the job itself is at fault, a single name is noted as failed. Of several names it is
        not known which one is: False is returned, and each has to be tried by itself.
        """
        pause = 1.0
        while not self._abandoned.is_set():
            try:
                self._experiment = self._experiment or self._opened()
                job(self._experiment)
            except Exception as error:  # no error of MLflow may stop the training
                if is_unreachable(error):
                    self._wait(pause, error)
                    pause = min(2 * pause, LONGEST_PAUSE)
                    continue
                self._experiment = None
                if len(names) > 1:
                    return False
                self.failed[names[0]] = masked(reason(error))
                self._say(f"not published: {names[0]}: {self.failed[names[0]]}")
            self._unreachable = False
            self._pending.difference_update(names)
            break
        return True

    def _opened(self) -> Experiment:
        return Experiment(self._uri, self._store, self._study)

    def _wait(self, pause: float, error: Exception) -> None:
        if isinstance(error, CannotReach):  # the caller reports a store that does not answer
            log.warning("not published yet: %s", error)
        elif not self._unreachable:
            self._say(f"MLflow unreachable, {self.waiting} runs waiting: {masked(reason(error))}")
            self._unreachable = True
        self._experiment = None
        if time.monotonic() + pause > self._give_up_at:
            self._abandoned.set()
        else:
            time.sleep(pause)


def _say_nothing(_: str) -> None:
    """Jobs submitted after the end are dropped."""


@dataclass
class Synced:
    """What ``sync`` did: runs written, runs found in place, and why others could not be written.

    ``moved_from`` is where MLflow looked for the artifacts before their addresses were mended.
    """

    published: int = 0
    present: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    moved_from: str | None = None


def sync(study: Study, store: Store, tracking_uri: str, report: Path | None = None) -> Synced:
    """Write every run of the store that MLflow lacks; a second time changes nothing.

    The files of the folder ``report``, if it exists, go to a run of their own. Raises
    ``StudyError`` if MLflow cannot be reached or has records that it cannot read, and
    ``CannotReach`` if the store cannot be; the same call continues then.
    """
    check_tracking(tracking_uri, thoroughly=True, store=store.root)
    synced = Synced()
    try:
        experiment = Experiment(tracking_uri, store, study)
        synced.moved_from = experiment.moved_from
        run_ids = sorted(store.committed())
        for first in range(0, len(run_ids), TOGETHER):
            _sync(experiment, run_ids[first : first + TOGETHER], synced)
        if report and report.is_dir():
            experiment.log_report(report)
        experiment.finish()
    except CannotReach:
        raise
    except Exception as error:  # MLflow and SQLAlchemy raise many kinds for a damaged record
        log.info("MLflow at %s", masked(tracking_uri), exc_info=True)
        done = synced.published + synced.present
        message = f"MLflow at {masked(tracking_uri)} failed after {done} runs"
        hint = ANOTHER if sqlite_file(tracking_uri) else ""
        raise StudyError(f"{message}: {masked(reason(error))}{hint}") from error
    return synced


def _sync(experiment: Experiment, run_ids: Sequence[str], synced: Synced) -> None:
    """Publish runs together; where one of them is at fault, each by itself."""
    try:
        written = experiment.publish(run_ids)
    except ValueError as error:  # a damaged file, a curve that was not recorded
        if len(run_ids) == 1:
            synced.failed[run_ids[0]] = str(error)
            return
        for run_id in run_ids:
            _sync(experiment, [run_id], synced)
    else:
        synced.published += written
        synced.present += len(run_ids) - written
