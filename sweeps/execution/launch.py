"""A study from its file to its report: checks, search, selection, rerun; all of it resumable."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Literal

from rich.console import Console
from rich.text import Text

from analysis.wording import count
from pinn_core.engine.backends import VARIABLE, requested
from pinn_core.engine.backends.build import build_obstacle, cache_obstacle, temporary_folder
from pinn_core.parts import UnknownName
from pinn_core.records.trajectory import TrajectoryError
from sweeps.display.callbacks import Callbacks
from sweeps.display.log_file import LogFile
from sweeps.display.progress import Progress
from sweeps.display.reporting import bring_report_up_to_date
from sweeps.errors import LaterVersion, StudyError
from sweeps.execution.context import TRAINER, WorkerContext, trainer_at
from sweeps.execution.estimate import known_estimate, not_known
from sweeps.execution.executors import Executor, Inline, RayTune
from sweeps.execution.patience import NothingTrains
from sweeps.execution.sizing import Size, in_words, refuse_too_large
from sweeps.execution.stage import Listed, Source, Stage
from sweeps.process.interrupts import INTERRUPTED, Interrupts
from sweeps.search.changes import refuse_changes, refuse_to_mix, under_its_rule
from sweeps.search.planned import open_search
from sweeps.search.search import ModelSearch
from sweeps.search.selection import Selection
from sweeps.store.address import check_folder, check_store
from sweeps.store.blob_store import blob_store_at
from sweeps.store.checkpoints import remove_checkpoints
from sweeps.store.folder import StudyFolder, write_whole
from sweeps.store.kept_study import load_sealed, sealed
from sweeps.store.lock import study_lock
from sweeps.store.observed import keep_observations
from sweeps.store.results import Results, read_ids
from sweeps.store.store import Store
from sweeps.store.writing import CannotWrite
from sweeps.study.plan import rerun_runs
from sweeps.study.plugins import copies, loaded_for
from sweeps.study.pruners import SeedPruner
from sweeps.study.study import Study
from sweeps.tracking.tracking import Publisher, check_tracking, default_tracking_uri

DONE, SOME_FAILED = 0, 1
"""Exit codes, with ``INTERRUPTED``; 2 is a ``StudyError``, before anything is created."""

AGAIN = "run the same command again"


def run_study(
    study: Study,
    *,
    runs_dir: str | Path,
    tracking_uri: str | None = None,
    address: str | None = None,
    executor: Literal["ray", "inline"] = "ray",
    console: Console | None = None,
    trainer: str = TRAINER,
    store: str | None = None,
    interrupts: Interrupts | None = None,
) -> int:
    """Carry out what is missing of a study; returns the exit code.

    ``store`` is a folder or ``s3://bucket/prefix`` for what cannot be rebuilt of any
    study; without it that stays where it is: for a new study, under ``runs_dir`` with the rest.
    ``address`` is that of a Ray cluster; without it Ray is started on this machine. The executor
    ``inline`` trains in this process. ``trainer`` names what trains a pack, ``module:function`` of
    the signature of ``pinn_core.training.trainer.train``. ``interrupts`` may end it early. Raises
    ``StudyError`` before anything is created. What the system does not let us write is said, and
    the exit code is 1.
    """
    check_folder(Path(runs_dir))
    folder = StudyFolder.of(runs_dir, study.name, store)
    tracking_uri = tracking_uri or default_tracking_uri(folder.path.parent)
    check_tracking(tracking_uri, store=folder.home)
    check_store(folder.home)
    _check_backend()
    if trainer != TRAINER:
        trainer_at(trainer)  # ours is there; importing it takes the seconds that torch does
    context = _context_of(study, folder, trainer)
    screen = console or Console()
    try:
        with ExitStack() as stack:
            crew: Executor = Inline(context)
            if executor == "ray":
                stop = interrupts or Interrupts()
                crew = RayTune(context, study.resources, address, stack, stop)
            trajectories = Store(folder.store)
            committed = len(trajectories.committed())
            sizes = refuse_too_large(study, crew.machines, folder.home, committed)
            stack.enter_context(study_lock(folder.home))
            folder.path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_logging_to(folder.log))
            trajectories.remove_leftovers()
            damaged = [*_set_files_aside(folder), *trajectories.set_damaged_aside().values()]
            study = under_its_rule(study, folder, trajectories)
            replaced = refuse_changes(study, folder, trajectories)
            refuse_to_mix(study, folder, trajectories)
            progress = Progress(screen, folder.progress, study.search.metric)
            sync = folder.command("sync")
            publisher = Publisher(tracking_uri, trajectories, study, progress.say, sync)
            progress.waiting = lambda: publisher.waiting
            for line in _first_words(context, damaged, replaced):
                progress.say(line)
            if not committed:
                progress.say(in_words(sizes))
                progress.say(_how_long(study, sizes, crew.slots))
            launch = _Launch(study, folder, trajectories, crew, publisher, progress)
            with progress:
                return launch.run()
    except CannotWrite as error:
        screen.print(Text(f"{error}; {AGAIN}"), soft_wrap=True)
        return SOME_FAILED


def _check_backend() -> None:
    """Refuse a backend that there is not, before workers would."""
    try:
        requested("auto")
    except UnknownName as error:
        raise StudyError(f"{VARIABLE}: {error}") from None


def _first_words(
    context: WorkerContext, damaged: Sequence[str], replaced: str | None
) -> Iterator[str]:
    """What the screen says of what was found, before anything trains."""
    for problem in damaged:
        yield f"set aside, will be done again: {problem}"
    if replaced:
        yield replaced
    if context.device != "cpu":
        return
    if requested("auto") != "eager" and (missing := build_obstacle()):
        yield f"the eager backend serves, slower than the native one: {missing}"
    elif elsewhere := cache_obstacle():
        yield f"compiled code is kept in {temporary_folder()}: {elsewhere}"


def _how_long(study: Study, sizes: Sequence[Size], slots: int) -> str:
    """How long a study that begins will take, as far as this machine was measured."""
    estimate = known_estimate(study, sizes, slots)
    return estimate.time_in_words if estimate else not_known(study)


class _Launch:
    """One carrying out of a study: what its stages share, and the stages."""

    def __init__(
        self,
        study: Study,
        folder: StudyFolder,
        store: Store,
        crew: Executor,
        publisher: Publisher,
        progress: Progress,
    ) -> None:
        self._study, self._folder, self._store = study, folder, store
        self._crew, self._publisher, self._progress = crew, publisher, progress
        self._results = Results(store, study.metric, folder.passed_over)
        self._begun: list[Stage] = []
        self._unchosen: dict[str, str] = {}
        """Why models have no reruns, by model."""

    def run(self) -> int:
        """Every stage; returns the exit code."""
        self._publisher.start()
        try:
            _prepare(self._study, self._folder)
            self._crew.carry_out(self._stages(), self._progress.tick, self._progress.say)
            self._refuse_losses()
            remove_checkpoints(self._store.root)
            self._conclude()
        except (CannotWrite, NothingTrains, TrajectoryError) as error:
            self._progress.say(f"{error}; {AGAIN}")
            self._publisher.close(wait=False)
            return SOME_FAILED
        except KeyboardInterrupt:
            self._publisher.close(wait=False)
            return INTERRUPTED
        return SOME_FAILED if self._missing else DONE

    @property
    def _failed(self) -> dict[str, str]:
        """Why runs failed, by run id: of all stages that were begun."""
        return {run_id: why for stage in self._begun for run_id, why in stage.failures.items()}

    @property
    def _missing(self) -> dict[str, str]:
        """Why planned runs are not there, by run id or, where they were not chosen, by model."""
        return self._unchosen | self._failed

    def _stages(self) -> Iterator[Stage]:
        """The searches side by side, then the reruns of what they chose with seeds of their own."""
        search, chosen = self._search()
        yield search
        from sweeps.search.optuna_log import write_optuna_log

        write_optuna_log(self._study, self._store, self._results, self._folder.optuna_log)
        rerun = self._rerun(chosen)
        if not rerun.over:  # the report's imports take a second: not when nothing else is done
            Thread(target=import_module, args=("analysis.report",), daemon=True).start()
        yield rerun

    def _search(self) -> tuple[Stage, Selection]:
        selection = Selection(self._study, self._study.search.seeds)
        audience = Callbacks(self._progress, selection, self._publisher)
        models = [name for name, model in self._study.models.items() if model.space]
        opened = [open_search(self._study, name, self._store, self._results) for name in models]
        searches = [search for search, _ in opened]
        self._progress.begin("search", searches, selection)
        for search in searches:
            self._say_what_to_expect(search)
        for run in (run for _, adopted in opened for run in adopted):
            audience.found(run, self._results.value(run.run_id))
        return self._stage(searches, audience), selection

    def _say_what_to_expect(self, search: ModelSearch) -> None:
        asked, points = self._study.search.runs or 0, search.total // self._study.search.seeds
        if points < asked:
            has = f"{search.model}: its space has {points} points"
            self._progress.say(f"{has}, fewer than search.runs, {asked}")
        if search.asynchronous:
            self._progress.say(f"{search.model}: generation async, another time finds other runs")
        pruner = self._study.search.pruner
        if isinstance(pruner, SeedPruner):
            first = pruner.waves(self._study.search.seeds)[0]
            worse = f"configurations that are worse after {first} seeds get no more"
            self._progress.say(f"{search.model}: pruner {pruner.kind}, {worse}")
        elif pruner.kind != "none":
            self._progress.say(f"{search.model}: {self._pruning()}")

    def _pruning(self) -> str:
        kind, metric = self._study.search.pruner.kind, self._study.search.metric
        rule = f"pruner {kind}, runs stop early by {metric}, compared with those of their pack"
        timing = ": with several packs at a time another execution may stop other runs"
        return f"{rule} and those committed before it{timing if self._crew.slots > 1 else ''}"

    def _rerun(self, chosen: Selection) -> Stage:
        for model, part in self._study.models.items():
            if part.space and not chosen.chosen(model):
                self._unchosen[model] = "none of its search runs has a final value"
        selection = Selection(self._study)
        audience = Callbacks(self._progress, selection, self._publisher)
        sources = [
            Listed(model, rerun_runs(self._study, model, chosen.chosen(model)))
            for model in self._study.models
        ]
        self._progress.begin("rerun", sources, selection)
        return self._stage(sources, audience)

    def _refuse_losses(self) -> None:
        """Raise ``TrajectoryError`` if committed runs were removed from the store."""
        if gone := self._results.gone():
            where = f"{len(gone)} runs that were committed are not in {self._store.root} any more"
            raise TrajectoryError(f"{where}: was the folder removed or renamed?")

    def _conclude(self) -> None:
        """Report, bring MLflow up to the store, and list what went wrong."""
        say = self._progress.say
        bring_report_up_to_date(
            self._study, self._folder, self._store, self._publisher, self._missing, say
        )
        self._publisher.finish("FAILED" if self._missing else "FINISHED")
        self._publisher.close()
        for file in self._store.conflicts():
            say(f"a late result that differs was set aside: {file}")
        if self._failed:
            say(f"{count(len(self._failed), 'run')} failed; {self._folder.log} has the details:")
        for name, reason in (self._failed | self._unchosen).items():
            say(f"  {name}: {reason}")

    def _stage(self, sources: Sequence[Source], audience: Callbacks) -> Stage:
        resources, slots = self._study.resources, self._crew.slots
        stage = Stage(sources, self._results, resources, slots, audience)
        self._begun.append(stage)
        return stage


def _context_of(study: Study, folder: StudyFolder, trainer: str) -> WorkerContext:
    search = study.search
    prunes_runs = search.pruner.kind != "none" and not search.pruner.of_seeds
    return WorkerContext(
        store=folder.store,
        metric=search.metric,
        progress=str(folder.progress),
        device="cuda" if study.resources.gpus else "cpu",
        threads=max(1, int(study.resources.cpus)),
        trainer=trainer,
        pruner=search.model_dump(mode="json")["pruner"] if prunes_runs else None,
        direction=search.direction,
        plateau=asdict(study.analysis.plateau),
        plugins=tuple(plugin.to_dict() for plugin in loaded_for(study.plugins)),
    )


def _set_files_aside(folder: StudyFolder) -> Iterator[str]:
    """Rename damaged files of the study's folder; what was wrong with each."""
    for path in {str(folder.path), folder.home}:
        blob_store_at(path).remove_leftovers()
    for file, read in ((folder.study_file, load_sealed), (folder.passed_over, read_ids)):
        try:
            if file.is_file():
                read(file)
        except LaterVersion:
            raise
        except StudyError as error:
            file.set_aside()
            yield str(error)


def _prepare(study: Study, folder: StudyFolder) -> None:
    """Write the study as it was resolved, and its data; remove the notes of killed workers."""
    folder.study_file.write_text(sealed(study))
    for name, text in copies(study.plugins).items():
        folder.plugins.mkdir(exist_ok=True)
        write_whole(folder.plugins / name, text)
    keep_observations(folder.store, map(study.configuration_of, study.models))
    folder.note_home()
    for note in folder.progress.glob("*"):
        note.unlink()


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    """Let our messages go to the study's log."""
    handler = LogFile(file, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("sweeps")
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)
        handler.close()
